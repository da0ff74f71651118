# vdb, vdc: ours, killed, with their bitmap in a file of vdf; vdd, vde: blank.

mkdir -p /files
mount -t ext4 /dev/vdf /files

mdadm --assemble /dev/md0 --bitmap=/files/ours /dev/vdb /dev/vdc
cat /proc/mdstat
mdadm --wait /dev/md0 || true
cat /proc/mdstat
mdadm --stop /dev/md0

mdadm --create /dev/md1 --run --level=1 --raid-devices=2 --metadata=1.2 --bitmap=/files/theirs \
    --bitmap-chunk=64K --name=made /dev/vdd /dev/vde
mdadm --wait /dev/md1 || true
# A cleared bit reaches the disk two or three periods of 5 s after the resync.
sleep 25
sync
# Not marked clean between the last write and the crash.
echo 0 >/sys/block/md1/md/safe_mode_delay
for chunk in 3 4 17; do
    dd if=/dev/urandom of=/dev/md1 bs=64K seek=$chunk count=1 oflag=direct 2>/dev/null
done
mdadm -X /files/theirs
echo "guest: done"
# That is on its way to the console.
sleep 2
# As a crash: the members stay active and their bits set.
echo b >/proc/sysrq-trigger
sleep 60
