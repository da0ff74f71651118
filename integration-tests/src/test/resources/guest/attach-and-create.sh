# Our export through the kernel's NBD client; then two members made by this kernel's md.
# PORT is our server's; /dev/vdb and /dev/vdc are blank.

nbd-client -N disk 10.0.2.2 "$PORT" /dev/nbd0 -b 512 -t 30
mkfs.ext4 -q -F /dev/nbd0
mount -t ext4 /dev/nbd0 /mnt
mkdir /mnt/folder
for i in $(seq 1 200); do echo "file $i" >"/mnt/folder/$i"; done
dd if=/dev/urandom of=/mnt/noise bs=1M count=24 2>/dev/null
rm -r /mnt/folder/1*
sync
echo "noise through nbd: $(sha256sum </mnt/noise | cut -c1-64)"
umount /mnt
fsck_says=0
e2fsck -f -n /dev/nbd0 || fsck_says=$?
echo "e2fsck: $fsck_says"
nbd-client -d /dev/nbd0

mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --metadata=1.2 --bitmap=internal \
    --bitmap-chunk=65536K --name=made /dev/vdb /dev/vdc
mkfs.ext4 -q -F /dev/md0
mount -t ext4 /dev/md0 /mnt
dd if=/dev/urandom of=/mnt/noise bs=1M count=8 2>/dev/null
echo "noise through md: $(sha256sum </mnt/noise | cut -c1-64)"
umount /mnt
mdadm --wait /dev/md0 || true
mdadm --stop /dev/md0
