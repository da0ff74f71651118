# Each array was in the middle of something else when our server was killed; the disks are those of crash-in-the-middle.sh,
# but vdn is a member that vdm is to replace.

# finished MD: waits until everything is copied and all members are in sync.
finished() {
    for _ in $(seq 1 600); do
        if [ "$(cat "/sys/block/$1/md/sync_action")" = idle ] && [ "$(cat "/sys/block/$1/md/degraded")" = 0 ] &&
            [ "$(cat "/sys/block/$1/md/resync_start")" = none ] &&
            ! cat "/sys/block/$1/md"/dev-*/state | grep -q replacement; then
            return
        fi
        sleep 0.1
    done
    echo "$1 does not get finished"
    cat /proc/mdstat
    exit 1
}

# verified NAME MD TARGET: what was written to the member that was copied to, and what the filesystem is like.
verified() {
    finished "$2"
    read -r _ _ _ _ _ _ sectors _ <"/sys/block/$3/stat"
    echo "sectors written by $1: $sectors"
    fsck_says=0
    e2fsck -f -n "/dev/$2" || fsck_says=$?
    echo "e2fsck of $1: $fsck_says"
    mount -t ext4 "/dev/$2" /mnt
    echo "noise of $1: $(sha256sum </mnt/noise | cut -c1-64)"
    echo "host of $1: $(cat /mnt/host)"
    echo "again: $1" >/mnt/again
    umount /mnt
    mdadm --stop "/dev/$2"
}

mdadm --assemble /dev/md0 /dev/vdb /dev/vdc
mdadm --assemble /dev/md1 /dev/vdd /dev/vde
mdadm --assemble --run /dev/md2 /dev/vdf /dev/vdg
mdadm --assemble /dev/md3 /dev/vdh /dev/vdi
mdadm --assemble /dev/md4 /dev/vdj /dev/vdk
mdadm --assemble /dev/md5 /dev/vdl /dev/vdm /dev/vdn
cat /proc/mdstat
mdadm /dev/md2 --re-add /dev/vdg
verified create md0 vdc
verified write md1 vde
verified degrade md2 vdg
verified re-add md3 vdi
verified recover md4 vdk
verified replace md5 vdm
