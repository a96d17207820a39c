# SPDX-License-Identifier: BSD-2-Clause
# nmctl and vale-ctl on a netmapd of their own, with two programs on a switch. To be sourced.

nmctl_end() {
	clean
	unset NETMAP_SOCKET NETMAP_HOST
}

# in_background FILE COMMAND...: ended by clean.
in_background() {
	local out=$1

	shift
	setsid timeout 60 "$@" >"$out" 2>&1 </dev/null &
	started+=($!)
}

# said NAME WORDS COMMAND...: exit code 0, and a line of its output matches.
said() {
	local name=$1 words=$2 why="" rc

	shift 2
	timeout 10 "$@" >"$work/out" 2>"$work/err"
	rc=$?
	if [ $rc -ne 0 ]; then
		why="exit code $rc: $(head -n 1 "$work/err")"
	elif ! grep -qE "$words" "$work/out"; then
		why="no line with \"$words\": $(head -n 3 "$work/out" | tr '\n' '|')"
	fi
	verdict "$name" "$why"
}

# What must hold of the JSON, in the words of Python; d is the whole of it, p the ports by name.
json_case() {
	local name=$1

	command -v python3 >/dev/null || { skip "$name" "python3 is not installed"; return; }
	timeout 10 "$bin/nmctl" --json >"$work/json" 2>"$work/err"
	python3 - "$work/json" "$2" >"$work/out" 2>&1 <<'PYTHON'
import json, sys
lines = open(sys.argv[1]).read().splitlines()
assert len(lines) == 1, "not one line"
d = json.loads(lines[0])
p = {x["name"]: x for x in d["ports"]}
assert eval(sys.argv[2]), lines[0]
PYTHON
	verdict "$name" "$([ $? -eq 0 ] || tail -n 1 "$work/out")"
}

# One look more or less is a matter of chance; a screen has the names and the keys.
top_case() {
	command -v script >/dev/null || { skip "nmctl top" "script is not installed"; return; }
	TERM=xterm timeout 20 script -qec "stty rows 24 cols 130; $bin/nmctl top -d 0.2 -n 3" /dev/null >"$work/out" 2>&1 </dev/null
	verdict "nmctl top draws a screen" "$(grep -q 'nmctl top - netmapd' "$work/out" && grep -q 'vale7:a' "$work/out" &&
		grep -q 'q quit' "$work/out" || echo "there is none, or not all of it")"
	(sleep 1; printf q) | TERM=xterm timeout 20 script -qec "$bin/nmctl top" /dev/null >"$work/out" 2>&1
	verdict "nmctl top ends at q" "$([ $? -eq 0 ] || echo "exit code $?")"
	refused nmctl 'needs a terminal' top
	said "nmctl top --json" '"host":"netmapd"' "$bin/nmctl" --json -d 0.1 -n 2 top
	verdict "nmctl top --json has a line for each look" "$([ "$(wc -l <"$work/out")" -eq 2 ] || wc -l <"$work/out")"
}

vale_case() {
	said "vale-ctl lists" 'bridge:[0-9]+ port:[0-9]+ vale7:b$' "$bin/vale-ctl"
	said "vale-ctl -l alone" 'vale7:a$' "$bin/vale-ctl" -l
	said "vale-ctl -l of a port" '^bridge:[0-9]+ port:[0-9]+ vale7:b$' "$bin/vale-ctl" -l vale7:b
	said "vale-ctl -g" '^vale7:a has 1 rx ring$' "$bin/vale-ctl" -g vale7:a
	said "vale-ctl: two commands" '^vale7:b has 1 rx ring$' "$bin/vale-ctl" -l vale7:a -g vale7:b
	refused vale-ctl "no switch has a port 'vale7:none'" -l vale7:none
	refused vale-ctl 'vale7:lrnone0: ' -a vale7:lrnone0
	refused vale-ctl 'vale7:lrnone0: ' -h vale7:lrnone0
	refused vale-ctl 'vale7:lrnone0: ' -d vale7:lrnone0
	refused vale-ctl 'lrnone0: ' -r lrnone0
	refused vale-ctl 'vale7:lrnone0: ' -p vale7:lrnone0 -C 0,2
	refused vale-ctl 'vale7:lrnone0: ' -P vale7:lrnone0
}

nmctl_run() {
	help_case nmctl
	help_case vale-ctl
	bad nmctl 'no command "zap"' zap
	bad nmctl 'no option -y' -y
	bad nmctl 'too much' list more
	bad nmctl 'is no time' -d 0 top
	bad nmctl 'is no number' -n x top
	bad vale-ctl 'no option -y' -y
	bad vale-ctl '-a needs a value' -a
	bad vale-ctl 'is no port of a switch' -a eth0
	bad vale-ctl 'is a port of a switch' -n vale1:x
	bad vale-ctl 'more than 4 numbers' -n x -C 1,2,3,4,5
	bad vale-ctl 'is no number' -n x -C 1,,2
	bad vale-ctl 'is no memory region' -n x -m 0

	export NETMAP_HOST=inprocess
	refused nmctl 'cannot be seen' list
	refused vale-ctl 'would end with it' -l
	unset NETMAP_HOST
	export NETMAP_SOCKET=$work/socket
	in_background "$work/netmapd" "$bin/netmapd"
	await 10 test -S "$NETMAP_SOCKET"
	in_background "$work/tx" "$bin/pkt-gen" -i vale7:a -f tx -R 2000
	in_background "$work/rx" "$bin/pkt-gen" -i vale7:b -f rx
	if ! await 20 grep -q '^[1-9][0-9.]* .*pps' "$work/rx"; then
		not_ok "nmctl" "no packets on a switch of netmapd: $(tail -n 1 "$work/netmapd") $(tail -n 1 "$work/rx")"
		nmctl_end
		return
	fi
	said "nmctl lists ports" '^vale7:a +vale +1 +1 x [0-9]+ ' "$bin/nmctl"
	said "nmctl rings" '^vale7:b +rx +0 +[0-9]+ +[1-9][0-9]* ' "$bin/nmctl" rings
	said "nmctl rings of one port" '^vale7:a +tx ' "$bin/nmctl" rings vale7:a
	verdict "nmctl rings of one port, and no other" "$(grep vale7:b "$work/out")"
	refused nmctl 'no port "vale7:none"' rings vale7:none
	said "nmctl switches" '^ +[0-9]+ +[0-9]+ +vale7:b$' "$bin/nmctl" switches
	said "nmctl memory" '^ +buf +2048 +[1-9]' "$bin/nmctl" memory
	json_case "nmctl --json" 'd["host"] == "netmapd" and sum(r["packets"] for r in p["vale7:b"]["rings"] if r["direction"] == "rx") > 0'
	json_case "nmctl --json: memory" '{x["region"] for x in d["ports"]} <= {m["id"] for m in d["memory"]} and all(m["buf"]["used"] <= m["buf"]["ready"] <= m["buf"]["most"] for m in d["memory"])'
	json_case "nmctl --json: switches" '{s["port"] for s in d["switches"]} == {"vale7:a", "vale7:b"}'
	top_case
	vale_case
	nmctl_end
}
