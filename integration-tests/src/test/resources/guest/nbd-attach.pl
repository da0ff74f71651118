# Attaches /dev/nbdN over netlink, with a time for connections to come back in, and connects again whenever one is lost:
# what nbd-client 3.24 has no flag for. Needs nothing of Perl but its built-in functions.
# Usage: nbd-attach.pl INDEX HOST PORT EXPORT CONNECTIONS; writes a line to /run/nbdN for each time it connected again,
# and the number of the process that does so to /run/nbdN.pid.
my ($index, $host, $port, $export, $connections) = @ARGV;
my ($AF_INET, $AF_NETLINK, $SOCK_STREAM, $SOCK_RAW, $NETLINK_GENERIC) = (2, 16, 1, 3, 16);
my ($MSG_PEEK, $MSG_DONTWAIT, $EAGAIN) = (2, 0x40, 11);
my ($COMMAND_TIMEOUT, $DEAD_CONNECTION_TIMEOUT) = (3, 120);
$| = 1;

sub take { my ($s, $n) = @_; my $all = ''; while (length $all < $n) { my $r = sysread $s, $all, $n - length $all, length $all; return undef unless $r; } $all }

# A connection that is past its handshake, the size and the transmission flags; nothing if there is no server.
sub attached {
    socket(my $s, $AF_INET, $SOCK_STREAM, 0) or die "socket: $!";
    connect($s, pack('S n C4 x8', $AF_INET, $port, split /\./, $host)) or return;
    defined take($s, 18) or return;
    syswrite $s, pack 'N', 3;
    syswrite $s, pack('a8 N N N/a* n', 'IHAVEOPT', 7, 6 + length $export, $export, 0);
    my ($size, $flags);
    while (1) {
        my $header = take($s, 20) or return;
        my (undef, undef, $type, $length) = unpack 'a8 N N N', $header;
        my $data = $length ? take($s, $length) : '';
        return ($s, $size, $flags) if $type == 1;
        return if $type & 0x80000000 or not defined $data;
        (undef, $size, $flags) = unpack 'n Q> n', $data if $type == 3;
    }
}

sub attribute { my ($type, $payload) = @_; my $a = pack('S S', 4 + length $payload, $type) . $payload; $a . "\0" x (-length($a) % 4) }

socket(my $netlink, $AF_NETLINK, $SOCK_RAW, $NETLINK_GENERIC) or die "netlink: $!";
bind($netlink, pack 'S x2 L L', $AF_NETLINK, 0, 0) or die "bind: $!";

# Sends one command with an acknowledgement asked for; the first answer, dead on an error.
sub command {
    my ($family, $command, $attributes) = @_;
    my $body = pack('C C x2', $command, 1) . $attributes;
    send $netlink, pack('L S S L L', 16 + length $body, $family, 5, 1, 0) . $body, 0 or die "send: $!";
    my $first;
    while (1) {
        recv $netlink, my $answer, 65536, 0;
        my ($length, $type) = unpack 'L S', $answer;
        if ($type == 2) { my $error = unpack 'l', substr $answer, 16; die "netlink command $command: error $error\n" if $error; return $first; }
        $first //= $answer;
    }
}

# What follows "family id" (attribute 1) in the answer about the family of that name.
my $about = substr command(16, 3, attribute(2, "nbd\0")), 20;
my $family;
while (length $about >= 4) {
    my ($length, $type) = unpack 'S S', $about;
    $family = unpack 'S', substr $about, 4 if $type == 1;
    $about = substr $about, ($length + 3) & ~3;
}

sub sockets { attribute(7, join '', map { attribute(1, attribute(1, pack 'L', fileno $_)) } @_) }

my (@live, $size, $flags);
for (1 .. $connections) { my $s; ($s, $size, $flags) = attached() or die "no server\n"; push @live, $s; }
command($family, 1, attribute(1, pack 'L', $index) . attribute(2, pack 'Q', $size) . attribute(3, pack 'Q', 512)
    . attribute(4, pack 'Q', $COMMAND_TIMEOUT) . attribute(5, pack 'Q', $flags) . attribute(8, pack 'Q', $DEAD_CONNECTION_TIMEOUT)
    . sockets(@live));
print "nbd$index is attached\n";
if (my $watcher = fork) { open my $file, '>', "/run/nbd$index.pid"; print $file $watcher; close $file; exit }

while (1) {
    for my $i (0 .. $#live) {
        my $alive = defined recv $live[$i], my $byte, 1, $MSG_PEEK | $MSG_DONTWAIT;
        # Nothing to read is an error, the end is a success with no byte.
        next if !$alive && $! == $EAGAIN || $alive && length $byte;
        my ($s) = attached() or next;
        eval { command($family, 3, attribute(1, pack 'L', $index) . sockets($s)) } or 1;
        next if $@;
        $live[$i] = $s;
        open my $log, '>>', "/run/nbd$index"; print $log "connected again\n"; close $log;
    }
    select undef, undef, undef, 0.1;
}
