# SPDX-License-Identifier: BSD-2-Clause
# Command lines, good and bad. To be sourced.

# help TOOL WORD
help_case() {
	local why=

	if ! timeout 5 "$bin/$1" -h >"$work/out" 2>"$work/err"; then
		why="exit code $?"
	elif ! grep -q "^usage: $1" "$work/out" || [ -s "$work/err" ]; then
		why="no usage on stdout, or something on stderr"
	fi
	verdict "$1 -h" "$why"
}

# bad TOOL WORDS ARGUMENTS...: exit code 2, nothing on stdout, and a sentence with WORDS in it on stderr.
bad() {
	local tool=$1 words=$2 why="" rc
	shift 2
	timeout 5 "$bin/$tool" "$@" >"$work/out" 2>"$work/err"
	rc=$?
	if [ $rc -ne 2 ]; then
		why="exit code $rc"
	elif [ -s "$work/out" ]; then
		why="it wrote to stdout"
	elif ! head -n 1 "$work/err" | grep -qF -- "$words"; then
		why="\"$(head -n 1 "$work/err")\" does not say \"$words\""
	fi
	verdict "$tool $*" "$why"
}

# refused TOOL WORDS ARGUMENTS...: exit code 1, with a sentence.
refused() {
	local tool=$1 words=$2 why="" rc
	shift 2
	timeout 10 "$bin/$tool" "$@" >"$work/out" 2>"$work/err"
	rc=$?
	if [ $rc -ne 1 ]; then
		why="exit code $rc"
	elif ! grep -qF -- "$words" "$work/err"; then
		why="\"$(head -n 1 "$work/err")\" does not say \"$words\""
	fi
	verdict "$tool $* is refused" "$why"
}

bad_values() {
	bad pkt-gen 'no option -y' -i eth0 -y
	bad pkt-gen '-i is missing'
	bad pkt-gen '-i needs a value' -i
	bad pkt-gen 'is no option' -i eth0 extra
	bad pkt-gen 'is no function' -i eth0 -f both
	bad pkt-gen 'is not a number' -i eth0 -n many
	bad pkt-gen 'is not a whole number' -i eth0 -n 1.5
	bad pkt-gen 'is too large' -i eth0 -n 99999999999999999999
	bad pkt-gen 'at least 42 bytes' -i eth0 -f tx -l 41
	bad pkt-gen 'at least 62 bytes' -i eth0 -f tx -6 -l 61
	bad pkt-gen 'at least 58 bytes' -i eth0 -f ping -l 57
	bad pkt-gen 'out of range' -i eth0 -l 70000
	bad pkt-gen 'more than twice' -i eth0 -l 60 -l 70 -l 80
	bad pkt-gen 'out of range' -i eth0 -b 0
	bad pkt-gen 'no IPv4 or IPv6 address' -i eth0 -s 10.0.0
	bad pkt-gen 'port that is not between' -i eth0 -d 10.0.0.1:65536
	bad pkt-gen 'ends before it begins' -i eth0 -d 10.0.0.2-10.0.0.1
	bad pkt-gen 'mixes IPv4 and IPv6' -i eth0 -d 10.0.0.2-fd00::1
	bad pkt-gen 'first 64 bits' -i eth0 -d fd00::1-fd01::1
	bad pkt-gen 'no closing bracket' -i eth0 -d '[fd00::1'
	bad pkt-gen 'is no IPv4 address' -i eth0 -4 -s fd00::1
	bad pkt-gen 'is no IPv6 address' -i eth0 -s fd00::1 -d 10.0.0.1
	bad pkt-gen 'exclude each other' -i eth0 -4 -6
	bad pkt-gen 'no Ethernet address' -i eth0 -S 02:00
	bad pkt-gen 'ends before it begins' -i eth0 -D 02:00:00:00:00:02-02:00:00:00:00:01
	bad pkt-gen 'out of range' -i eth0 -a 100000
	bad pkt-gen '-c needs -a' -i eth0 -c 1
	bad pkt-gen 'out of range' -i eth0 -p 5000
	bad pkt-gen 'one thread only' -i eth0 -f ping -p 2
	bad pkt-gen 'out of range' -i eth0 -T 0
	bad pkt-gen 'is not a number' -i eth0 -w -1
	bad pkt-gen 'is not a number' -i eth0 -R 10x
	bad pkt-gen '-f tx only' -i eth0 -f rx -P /dev/null
	bad pkt-gen '10 or 12 bytes' -i eth0 -H 11
	bad pkt-gen 'out of range' -i eth0 -F 65
	bad pkt-gen 'at most 64 are allowed' -i eth0 -M 10 -l 1500
	bad pkt-gen 'at most 2 are allowed' -i eth0 -M 500 -F 2 -l 1500
	bad pkt-gen 'more than four numbers' -i eth0 -C 1,2,3,4,5
	bad pkt-gen 'is not a number' -i eth0 -C 1,,2
	bad bridge 'no option -y' -y
	bad bridge '-i is missing'
	bad bridge '-b needs a value' -b
	bad bridge 'one too many' -i a -i b -i c
	bad bridge 'is not a number' -i a -b x
	bad bridge 'out of range' -i a -b 0
	bad bridge 'out of range' -i a -w 100000
	bad bridge 'is no option' -i a b
}

bad_captures() {
	printf 'short' >"$work/short.pcap"
	printf '\x0a\x0d\x0d\x0a%048d' 0 >"$work/ng.pcap"
	head -c 64 /dev/zero >"$work/zero.pcap"
	printf '\xd4\xc3\xb2\xa1\2\0\4\0%08d\xff\xff\0\0\1\0\0\0' 0 >"$work/empty.pcap"
	{
		cat "$work/empty.pcap"
		printf '%08d\x40\0\0\0\x40\0\0\0short' 0
	} >"$work/cut.pcap"
	{
		cat "$work/empty.pcap"
		printf '%08d\xff\xff\xff\xff\x40\0\0\0' 0
	} >"$work/long.pcap"
	refused pkt-gen 'No such file' -i eth0 -f tx -P "$work/nothing.pcap"
	refused pkt-gen 'too short to be a pcap file' -i eth0 -f tx -P "$work/short.pcap"
	refused pkt-gen 'a pcapng file' -i eth0 -f tx -P "$work/ng.pcap"
	refused pkt-gen 'no pcap file' -i eth0 -f tx -P "$work/zero.pcap"
	refused pkt-gen 'without packets' -i eth0 -f tx -P "$work/empty.pcap"
	refused pkt-gen 'cut off inside a packet' -i eth0 -f tx -P "$work/cut.pcap"
	refused pkt-gen 'longer than 65535' -i eth0 -f tx -P "$work/long.pcap"
}

options_run() {
	local tool

	for tool in pkt-gen bridge receive classic; do
		help_case "$tool"
	done
	bad_values
	bad_captures
	refused pkt-gen "lrnone0" -i lrnone0 -f tx
	refused pkt-gen "netmap:" -i netmap: -f rx
	refused pkt-gen "too long" -i "$(printf '%0600d' 0)"
	refused pkt-gen "pkt-gen: " -i "$(printf '%064d' 0)"
	refused pkt-gen "pkt-gen: " -i "$(printf 'lr\001\377')"
	refused bridge "lrnone0" -i lrnone0
	refused receive "lrnone0" netmap:lrnone0
	refused classic "lrnone0" lrnone0
}
