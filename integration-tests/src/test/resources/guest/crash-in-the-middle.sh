# Each array is in the middle of something else when this kernel crashes.
# vdb, vdc: create, full of noise; then pairs of ours: vdd, vde: write; vdf, vdg: degrade; vdh, vdi: re-add;
# vdj, vdk: recover; vdl, vdm: replace, with vdn blank.

# In KiB a second: slow enough to be caught in the middle, however fast the machine is.
echo 1 >/proc/sys/dev/raid/speed_limit_min
echo 1000 >/proc/sys/dev/raid/speed_limit_max

# mounted NAME MD
mounted() {
    mkdir -p "/mnt/$1"
    mount -t ext4 "/dev/$2" "/mnt/$1"
}

# halfway MD FILE: waits until that file under md/ tells of progress, and all but stops it there.
halfway() {
    for _ in $(seq 1 600); do
        at=$(cat "/sys/block/$1/md/$2")
        if [ "$at" != none ] && [ "$at" != 0 ]; then
            echo 1 >"/sys/block/$1/md/sync_speed_max"
            return
        fi
        sleep 0.1
    done
    echo "no progress of $1"
    cat /proc/mdstat
    exit 1
}

# writing NAME: until the crash.
writing() {
    while :; do
        for file in 1 2 3 4; do
            dd if=/dev/urandom "of=/mnt/$1/overwritten$file" bs=64k count=2 conv=fsync 2>/dev/null
        done
    done
}

mdadm --assemble /dev/md1 /dev/vdd /dev/vde
# Not marked clean between two writes.
echo 0 >/sys/block/md1/md/safe_mode_delay
mounted write md1
mdadm --assemble /dev/md2 /dev/vdf /dev/vdg
mounted degrade md2
mdadm --assemble /dev/md3 /dev/vdh /dev/vdi
mounted re-add md3
mdadm --assemble /dev/md4 /dev/vdj /dev/vdk
mounted recover md4
mdadm --assemble /dev/md5 /dev/vdl /dev/vdm
mounted replace md5

mdadm /dev/md2 --fail /dev/vdg
mdadm /dev/md3 --fail /dev/vdi
mdadm /dev/md3 --remove /dev/vdi
mdadm /dev/md4 --fail /dev/vdk
mdadm /dev/md4 --remove /dev/vdk
dd if=/dev/urandom of=/mnt/re-add/more bs=1M count=8 2>/dev/null
sync
mdadm --zero-superblock /dev/vdk

mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --metadata=1.2 --bitmap=internal --bitmap-chunk=64K \
    --name=create /dev/vdb /dev/vdc
mdadm /dev/md3 --re-add /dev/vdi
mdadm /dev/md4 --add /dev/vdk
mdadm /dev/md5 --add /dev/vdn
mdadm /dev/md5 --replace /dev/vdm --with /dev/vdn
halfway md0 resync_start &
create=$!
halfway md3 dev-vdi/recovery_start &
re_add=$!
halfway md4 dev-vdk/recovery_start &
recover=$!
halfway md5 dev-vdn/recovery_start &
replace=$!

mkfs.ext4 -q -F /dev/md0
mounted create md0
for name in create write degrade re-add recover replace; do
    echo "kernel: $name" >"/mnt/$name/kernel"
done
sync
for name in create write degrade re-add recover replace; do writing $name & done
wait $create
wait $re_add
wait $recover
wait $replace
cat /proc/mdstat
echo "guest: done"
# That is on its way to the console, and what sysfs tells of to the superblocks.
sleep 2
echo b >/proc/sysrq-trigger
sleep 60
