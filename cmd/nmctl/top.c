/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nmctl top. Two snapshots, the last and the one before; a ring's line is their difference. See nmctl(8).
 */
#include "top.h"

#include "../lib/clock.h"
#include "../lib/fault.h"
#include "../lib/interrupt.h"
#include "print.h"
#include "snapshot.h"

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum order { BY_NAME, BY_PACKETS, BY_DROPS, ORDERS };
static const char *const order_names[ORDERS] = { "port", "packets", "drops" };

struct line {
	const struct snapshot_port *port;
	const struct nm_ring_stats *ring;
	double packets, bits, drops, syncs;	/* a second */
	double batch;				/* packets a sync */
	double held;				/* of its slots, in percent */
};

struct view {
	struct snapshot before, now;
	struct line *lines;
	uint32_t count, first;	/* lines there are; the first on the screen */
	enum order order;
	bool busy;		/* only rings that have done something */
	uint64_t looks;
};

/* --- Numbers ---------------------------------------------------------------------------------------- */

static const struct nm_ring_stats *same_ring(const struct snapshot *s, const struct snapshot_port *port, uint32_t k)
{
	uint32_t i;

	for (i = 0; i < s->port_count; i++)
		if (strcmp(s->ports[i].entry.name, port->entry.name) == 0 && s->ports[i].ring_count == port->ring_count)
			return &s->ports[i].rings[k];
	return NULL;
}

/* What grew, in a second. A port that is another one by the same name begins anew. */
static double rate(uint64_t now, uint64_t before, double seconds)
{
	return now >= before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

/* Rx: packets that the program has not taken. Tx: those that have not left. */
static double held(const struct nm_ring_stats *r)
{
	uint32_t n = r->num_slots, from = r->dir ? r->hwcur : r->hwtail + 1, to = r->dir ? r->hwtail : r->hwcur;

	return n ? 100.0 * ((to + n - from % n) % n) / n : 0;
}

static void line_fill(struct line *l, const struct snapshot_port *port, uint32_t k, const struct snapshot *before, double seconds)
{
	const struct nm_ring_stats *r = &port->rings[k], *old = same_ring(before, port, k);
	static const struct nm_ring_stats none;
	double syncs;

	*l = (struct line){ .port = port, .ring = r, .held = held(r) };
	if (!old)
		old = &none;
	if (old == &none && before->port_count)
		return;
	l->packets = rate(r->packets, old->packets, seconds);
	l->bits = 8 * rate(r->bytes, old->bytes, seconds);
	l->drops = rate(r->drops, old->drops, seconds);
	l->syncs = rate(r->syncs, old->syncs, seconds);
	syncs = l->syncs > 0 ? l->syncs : 1;
	l->batch = l->packets / syncs;
}

static double weight(const struct line *l, enum order order)
{
	return order == BY_PACKETS ? l->packets : order == BY_DROPS ? l->drops : 0;
}

/* Few lines, and nearly in order from the last time: by insertion, which leaves equals as they are. */
static void sort(struct view *v)
{
	uint32_t i, k;

	for (i = 1; i < v->count; i++) {
		struct line l = v->lines[i];

		for (k = i; k && weight(&v->lines[k - 1], v->order) < weight(&l, v->order); k--)
			v->lines[k] = v->lines[k - 1];
		v->lines[k] = l;
	}
}

static void lines_make(struct view *v)
{
	double seconds = (double)(v->now.time - v->before.time) / CLOCK_SECOND;
	uint32_t i, k, rings = 0;
	struct line *lines;

	for (i = 0; i < v->now.port_count; i++)
		rings += v->now.ports[i].ring_count;
	v->count = 0;
	lines = realloc(v->lines, (rings + 1) * sizeof(*lines));
	if (!lines)
		return;
	v->lines = lines;
	for (i = 0; i < v->now.port_count; i++) {
		for (k = 0; k < v->now.ports[i].ring_count; k++) {
			line_fill(&lines[v->count], &v->now.ports[i], k, &v->before, v->before.time ? seconds : 0);
			if (!v->busy || lines[v->count].ring->packets || lines[v->count].ring->drops)
				v->count++;
		}
	}
	sort(v);
}

/* --- The screen -------------------------------------------------------------------------------------- */

/* Five or six characters: 14.88M */
static const char *short_number(char text[16], double v)
{
	static const char units[] = " kMGT";
	int u = 0;

	for (; v >= 99999.5 && units[u + 1]; u++)
		v /= 1000;
	if (u && v < 100)
		snprintf(text, 16, "%.2f%c", v, units[u]);
	else
		snprintf(text, 16, u ? "%.0f%c" : "%.0f", v, units[u]);
	return text;
}

static void draw_line(int y, const struct line *l)
{
	char packets[16], bits[16], drops[16], syncs[16], total[16], lost[16];

	if (l->drops > 0)
		attron(A_BOLD);
	mvprintw(y, 0, "%-20.20s %-7s %3u %9s %9s %8s %8s %8.1f %5.0f%% %9s %8s", l->port->entry.name, snapshot_ring_kind(l->ring),
		 l->ring->ring, short_number(packets, l->packets), short_number(bits, l->bits), short_number(drops, l->drops),
		 short_number(syncs, l->syncs), l->batch, l->held, short_number(total, (double)l->ring->packets),
		 short_number(lost, (double)l->ring->drops));
	attroff(A_BOLD);
}

static void draw(struct view *v, double seconds)
{
	uint32_t room = LINES > 3 ? (uint32_t)LINES - 3 : 0, i;
	uint64_t bufs = 0;

	for (i = 0; i < v->now.region_count; i++)
		bufs += (uint64_t)v->now.regions[i].pool[2].used * v->now.regions[i].pool[2].size;
	if (v->count <= room)
		v->first = 0;
	else if (v->first > v->count - room)
		v->first = v->count - room;
	erase();
	mvprintw(0, 0, "nmctl top - %s: %u ports, %u regions, %.1f MiB of buffers in use", v->now.host, v->now.port_count,
		 v->now.region_count, (double)bufs / 1048576);
	attron(A_REVERSE);
	mvprintw(1, 0, "%-20s %-7s %3s %9s %9s %8s %8s %8s %6s %9s %8s", "PORT", "RINGS", "#", "PACKETS/s", "BITS/s", "DROPS/s",
		 "SYNCS/s", "BATCH", "HELD", "PACKETS", "DROPS");
	attroff(A_REVERSE);
	for (i = 0; i < room && v->first + i < v->count; i++)
		draw_line(2 + (int)i, &v->lines[v->first + i]);
	if (snapshot_is_alone(&v->now))
		mvprintw(3, 0, "No device and no netmapd: ports that programs have in-process cannot be seen from here.");
	mvprintw(LINES - 1, 0, "every %.1f s, by %s%s   q quit  s sort  b busy rings only  +/- faster, slower  arrows scroll", seconds,
		 order_names[v->order], v->busy ? ", busy only" : "");
	refresh();
}

/* False: to the end. */
static bool key(struct view *v, int c, double *seconds)
{
	switch (c) {
	case 'q':
	case 'Q':
		return false;
	case 's':
		v->order = (v->order + 1) % ORDERS;
		break;
	case 'b':
		v->busy = !v->busy;
		break;
	case '+':
		*seconds = *seconds > 0.2 ? *seconds / 2 : 0.1;
		break;
	case '-':
		*seconds = *seconds < 30 ? *seconds * 2 : 60;
		break;
	case KEY_DOWN:
		v->first++;
		break;
	case KEY_UP:
		v->first -= v->first > 0;
		break;
	case KEY_NPAGE:
		v->first += LINES > 3 ? (uint32_t)LINES - 3 : 1;
		break;
	case KEY_PPAGE:
		v->first -= v->first > (uint32_t)LINES ? (uint32_t)LINES - 3 : v->first;
		break;
	default:
		return true;
	}
	lines_make(v);
	return true;
}

/* --- Looks ------------------------------------------------------------------------------------------- */

static bool look(struct view *v, int fd)
{
	struct snapshot s;

	if (!snapshot_take(&s, fd))
		return false;
	snapshot_free(&v->before);
	v->before = v->now;
	v->now = s;
	v->looks++;
	lines_make(v);
	return true;
}

static bool enough(const struct view *v, const struct top_options *o)
{
	return interrupt_seen() || (o->looks && v->looks >= o->looks);
}

/* The time until then, or until a key is hit. */
static int remaining(uint64_t then)
{
	uint64_t now = clock_now();

	return now >= then ? 0 : (int)((then - now) / 1000000) + 1;
}

/* Until the next look is due. False: to the end. */
static bool keys(struct view *v, double *seconds)
{
	uint64_t then = v->now.time + (uint64_t)(*seconds * CLOCK_SECOND);
	int wait, c;

	while ((wait = remaining(then)) > 0 && !interrupt_seen()) {
		timeout(wait < 200 ? wait : 200);
		c = getch();
		if (c == ERR)
			continue;
		if (!key(v, c, seconds))
			return false;
		draw(v, *seconds);
		then = v->now.time + (uint64_t)(*seconds * CLOCK_SECOND);
	}
	return true;
}

static int screen_run(struct view *v, int fd, const struct top_options *o)
{
	double seconds = o->seconds;
	SCREEN *screen = newterm(NULL, stdout, stdin);
	bool good = true;

	if (!screen) {
		fault_say("this terminal (TERM=%s) has no screen to draw on; --json needs none", getenv("TERM") ?: "");
		return 1;
	}
	set_term(screen);
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	do {
		good = look(v, fd);
		if (good)
			draw(v, seconds);
	} while (good && !enough(v, o) && keys(v, &seconds) && !interrupt_seen());
	endwin();
	delscreen(screen);
	return good ? 0 : 1;
}

static int json_run(struct view *v, int fd, const struct top_options *o)
{
	while (look(v, fd)) {
		print_json(&v->now);
		if (fflush(stdout))
			return 1;
		if (enough(v, o))
			return 0;
		poll(NULL, 0, remaining(v->now.time + (uint64_t)(o->seconds * CLOCK_SECOND)));
		if (interrupt_seen())
			return 0;
	}
	return 1;
}

int top_run(int fd, const struct top_options *options)
{
	struct view v = { .order = BY_NAME };
	int code;

	if (!options->json && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
		fault_say("top needs a terminal; --json does without");
		return 1;
	}
	interrupt_catch();
	code = options->json ? json_run(&v, fd, options) : screen_run(&v, fd, options);
	snapshot_free(&v.before);
	snapshot_free(&v.now);
	free(v.lines);
	return code;
}
