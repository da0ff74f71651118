#!/usr/bin/env bash
# A disk for nbdkit's sh plugin: $BACKING, with a range that cannot be read, in $BAD/reads, and one that cannot be
# written, in $BAD/writes; both as first byte and the byte behind the last.
set -euo pipefail

# fails_in FILE COUNT OFFSET
fails_in() {
    local from to
    read -r from to 2>/dev/null <"$1" && (($3 < to && $3 + $2 > from))
}

case $1 in
get_size) stat -c %s "$BACKING" ;;
can_write | can_flush) exit 0 ;;
pread)
    if fails_in "$BAD/reads" "$3" "$4"; then
        echo "EIO bad blocks" >&2
        exit 1
    fi
    dd "if=$BACKING" iflag=skip_bytes,count_bytes "skip=$4" "count=$3" bs=64k status=none
    ;;
pwrite)
    if fails_in "$BAD/writes" "$3" "$4"; then
        echo "EIO bad blocks" >&2
        exit 1
    fi
    # As a disk does that has blocks to spare: what is written can be read.
    if fails_in "$BAD/reads" "$3" "$4"; then rm "$BAD/reads"; fi
    dd "of=$BACKING" oflag=seek_bytes conv=notrunc iflag=fullblock "seek=$4" bs=64k status=none
    ;;
flush) sync "$BACKING" ;;
*) exit 2 ;;
esac
