# Members that this kernel has not seen before, or that we wrote since it did.
# vdb, vdc: made and written by us, stopped cleanly; vdd, vde: made here, written by us since; vdf, vdg: ours, killed.

# assembled MD MEMBER MEMBER: and no resync is begun.
assembled() {
    mdadm --assemble "$@"
    sleep 1
    cat /proc/mdstat
    name=${1#/dev/}
    if grep -A3 "^$name " /proc/mdstat | grep -q -e resync -e recovery; then
        echo "a resync of $name was begun"
        exit 1
    fi
    grep -A2 "^$name " /proc/mdstat | grep -q '\[UU\]'
    fsck_says=0
    e2fsck -f -n "$1" || fsck_says=$?
    echo "e2fsck of $name: $fsck_says"
}

assembled /dev/md0 /dev/vdb /dev/vdc
mount -t ext4 -o ro /dev/md0 /mnt
echo "noise of ours: $(sha256sum </mnt/noise | cut -c1-64)"
umount /mnt
mdadm --stop /dev/md0

assembled /dev/md1 /dev/vdd /dev/vde
mount -t ext4 /dev/md1 /mnt
echo "noise of theirs: $(sha256sum </mnt/noise | cut -c1-64)"
echo "added: $(cat /mnt/added)"
echo "written by the kernel again" >/mnt/again
umount /mnt
mdadm --stop /dev/md1

mdadm --assemble /dev/md2 /dev/vdf /dev/vdg
cat /proc/mdstat
mdadm --wait /dev/md2 || true
echo "mismatches: $(cat /sys/block/md2/md/mismatch_cnt)"
cat /proc/mdstat
mdadm --stop /dev/md2
