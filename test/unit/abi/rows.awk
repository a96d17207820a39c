# SPDX-License-Identifier: BSD-2-Clause
# Turns each row of netmap-abi.tsv into one line of C: line N of the output
# asserts row N, so an error in line N says that row N does not hold.
# The keyword comes from outside (-v assert=_Static_assert or static_assert): a
# macro would have the compiler name the macro's line instead.
BEGIN {
	FS = "\t"
}

function check(cond) {
	printf "%s(%s, \"row %d\");\n", assert, cond, NR
}

# Headers first: line 1 is the comment that heads the table.
NR == 1 {
	printf "#include \"rows.h\"\n"
	next
}

$1 == "size" {
	check("sizeof(" $3 ") == " $5)
	next
}

$1 == "field" {
	split($5, v, " ")	# offset N [size M]
	cond = "offsetof(" $3 ", " $4 ") == " v[2]
	if (v[3] == "size")
		cond = cond " && sizeof(((" $3 " *)0)->" $4 ") == " v[4]
	check(cond)
	next
}

$1 == "const" {
	check("(unsigned long long)(" $3 ") == " $5 "ULL")
	next
}

$1 == "string" {
	check("sizeof(" $3 ") == sizeof(\"" $5 "\") && __builtin_strcmp(" $3 ", \"" $5 "\") == 0")
	next
}

{
	printf "#error \"row %d: unknown kind %s\"\n", NR, $1
}
