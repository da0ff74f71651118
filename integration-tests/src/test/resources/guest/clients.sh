# Three ways to our exports: the kernel's client with several connections, the same under TLS, and, while the server is
# restarted again and again, the kernel's client over netlink beside QEMU's as a disk.
# PORT is the server's. Exports: disk for the kernel's clients, other for QEMU, whose disk has the serial number "remote".

checked() { # NAME DEVICE: a filesystem that nobody has mounted
    says=0
    e2fsck -f -n "$2" >/tmp/e2fsck || says=$?
    [ "$says" = 0 ] || cat /tmp/e2fsck
    echo "e2fsck after $1: $says"
}

echo "== several connections"
nbd-client -N disk 10.0.2.2 "$PORT" /dev/nbd0 -C 4 -b 512 -t 30
mkfs.ext4 -q -F /dev/nbd0
mount -t ext4 -o discard /dev/nbd0 /mnt
fio --name=verified --directory=/mnt --size=8M --rw=randwrite --bs=4k --ioengine=psync --numjobs=4 --group_reporting \
    --fsync=64 --verify=crc32c --verify_fatal=1 --output-format=terse >/tmp/fio && echo "fio: verified" || cat /tmp/fio
rm -f /mnt/verified.1.0 /mnt/verified.2.0
umount /mnt
checked "several connections" /dev/nbd0
blkdiscard /dev/nbd0
dd if=/dev/nbd0 bs=1M count=16 2>/dev/null | tr -d '\000' | wc -c | sed 's/^/left after the discard: /'
nbd-client -d /dev/nbd0

echo "== under TLS"
nbd-client -N disk 10.0.2.2 "$PORT" /dev/nbd1 -b 512 \
    -enable-tls -tlshostname localhost -cacertfile /ca-cert.pem -certfile /client-cert.pem -keyfile /client-key.pem
mkfs.ext4 -q -F /dev/nbd1
mount -t ext4 /dev/nbd1 /mnt
dd if=/dev/urandom of=/mnt/noise bs=64k count=32 2>/dev/null
written=$(sha256sum </mnt/noise)
umount /mnt
mount -t ext4 /dev/nbd1 /mnt
[ "$(sha256sum </mnt/noise)" = "$written" ] && echo "under TLS: read back"
umount /mnt
checked "TLS" /dev/nbd1
nbd-client -d /dev/nbd1

echo "== restarts"
perl /nbd-attach.pl 2 10.0.2.2 "$PORT" disk 4
for disk in /sys/block/vd*; do
    [ "$(cat "$disk/serial")" = remote ] && remote=/dev/${disk##*/}
done
load() { # FOLDER: files that are never the same, each synced, until the server has been restarted often enough
    n=0
    while [ ! -e /tmp/enough ]; do
        n=$((n + 1))
        head -c 300000 /dev/urandom >"/tmp/$1-next"
        cp "/tmp/$1-next" "/$1/file$((n % 16))"
        sync "/$1/file$((n % 16))"
        mv "/tmp/$1-next" "/tmp/$1-file$((n % 16))"
    done
    echo "$1: $n files"
}
for name in kernel qemu; do
    device=/dev/nbd2
    [ "$name" = qemu ] && device=$remote
    mkfs.ext4 -q -F "$device"
    mkdir "/$name"
    mount -t ext4 -o errors=remount-ro "$device" "/$name"
    load "$name" &
done
while [ "$(cat /run/nbd2 2>/dev/null | wc -l)" -lt "$CONNECTED_AGAIN" ]; do sleep 0.5; done
sleep 3
touch /tmp/enough
wait
echo 3 >/proc/sys/vm/drop_caches
for name in kernel qemu; do
    device=/dev/nbd2
    [ "$name" = qemu ] && device=$remote
    same=0
    for kept in /tmp/"$name"-file*; do
        cmp "$kept" "/$name/${kept##*-}" && same=$((same + 1))
    done
    echo "$name: $same of $(ls /tmp/"$name"-file* | wc -l) files are as they were written"
    umount "/$name"
    checked "restarts by $name" "$device"
done
kill "$(cat /run/nbd2.pid)"
nbd-client -d /dev/nbd2
echo "errors: $(dmesg | grep -c -i -e 'I/O error' -e 'EXT4-fs error' -e 'Buffer I/O')"
dmesg | grep -i -e 'I/O error' -e 'EXT4-fs error' | head -5
true
