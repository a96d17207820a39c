/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protocol of a door (daemon/protocol.h) as a model: every interleaving of its steps, each an access to shared memory or a
 * system call, is gone through, and in no state may somebody sleep for whom there is something, with nobody left to wake him.
 *
 * The first model is sync: clients that ask and wait for the answer, and the daemon that sleeps on its bell. The second is poll:
 * clients that arm, ask and sleep on the chime, and news that come at any time; there the wait for the answer is one step, as
 * the first has shown. A client may also stop for good at any step, as if killed: nobody else may wait for it.
 *
 * That the search can find something is tested with protocols that are wrong in one place each.
 */
#include <stdlib.h>

#include "unit.h"

/* --- States ------------------------------------------------------------------------------------- */

#define CLIENTS 2

/* All of one state, in bytes without padding, so that states can be compared as they are. */
struct state {
	/* Shared. */
	uint8_t ask, arm, sleepers, answer, asleep, bell, chime;
	/* The rings: packets that are there, news still to come, whether the daemon is recorded and woken. */
	uint8_t packets, to_come, recorded, rung;
	/* The daemon: where it is, what it has read. */
	uint8_t at, got, arming, armed, result, done;
	struct {
		uint8_t at, n, seen, left, result;
	} c[CLIENTS];
};

/* Ways to be wrong. */
enum flaw {
	NONE,
	ASLEEP_AFTER_LOOK,	/* the daemon says that it sleeps when it has looked, not before */
	BELL_DRAINED_LATE,	/* the bell is drained after the last look, before sleeping */
	SLEEPERS_BEFORE_ANSWER,	/* the daemon looks for sleepers, then answers */
	SLEEPERS_CLEARED,	/* ... answers, looks, and sets them to none */
	RECORDED_AFTER_LOOK,	/* the daemon looks at the rings, then records */
	CHIME_DRAINED_BY_CLIENT,	/* a client drains the chime before it asks; bad when it dies then */
	ONE_RINGS,		/* of several clients the first to see asleep takes it and rings */
};

static enum flaw flaw;
static bool deaths;

/* --- Search --------------------------------------------------------------------------------------- */

#define TABLE (1u << 22)

static struct state *table;
static uint8_t *taken;
static struct state *stack;
static unsigned int depth, states;

static void visit(const struct state *s)
{
	const uint8_t *b = (const uint8_t *)s;
	uint64_t h = 14695981039346656037u;
	uint32_t i;

	for (i = 0; i < sizeof(*s); i++)
		h = (h ^ b[i]) * 1099511628211u;
	for (i = (uint32_t)(h >> 40) % TABLE; taken[i]; i = (i + 1) % TABLE)
		if (memcmp(&table[i], s, sizeof(*s)) == 0)
			return;
	CHECK(states < TABLE / 2);
	taken[i] = 1;
	table[i] = *s;
	stack[depth++] = *s;
	states++;
}

/* --- The daemon: serve_lane, lr_door_sleep and what is around them -------------------------------- */

enum { D_ASK, D_ARM, D_QUIET, D_RECORD, D_LOOK, D_CHIME, D_ANSWER, D_SLEEPERS, D_WAKE, D_SLEEPY, D_AGAIN, D_LATE, D_SLEEP, D_DRAIN, D_NEWS };

/* Where a client is; D_WAKE moves those who sleep on the answer. */
enum { C_BEGIN, C_ARM, C_ASK, C_RING, C_LOOK, C_COUNT, C_CHECK, C_FUTEX, C_ASLEEP, C_UNCOUNT, C_AWAIT, C_RESULT, C_CHIME, C_END, C_DEAD };

/* lr_door_sleep and after. False: asleep. */
static bool sleep_step(struct state *s)
{
	switch (s->at) {
	case D_SLEEPY:
		if (flaw != ASLEEP_AFTER_LOOK)
			s->asleep = 1;
		s->at = D_AGAIN;
		break;
	case D_AGAIN:
		if (s->ask != s->done)
			s->asleep = 0;
		s->at = s->ask != s->done ? D_ASK : flaw ? D_LATE : D_SLEEP;
		break;
	case D_LATE:
		if (flaw == ASLEEP_AFTER_LOOK)
			s->asleep = 1;
		if (flaw == BELL_DRAINED_LATE)
			s->bell = 0;
		s->at = D_SLEEP;
		break;
	case D_SLEEP:
		if (!s->bell && !(s->recorded && s->rung))
			return false;
		s->asleep = 0;
		s->at = D_DRAIN;
		break;
	case D_DRAIN:
		if (flaw != BELL_DRAINED_LATE)
			s->bell = 0;
		s->at = D_NEWS;
		break;
	case D_NEWS:
		if (s->recorded && s->rung) {
			s->chime = 1;
			s->armed = s->recorded = s->rung = 0;
		}
		s->at = D_ASK;
		break;
	}
	return true;
}

static bool daemon_step(struct state *s)
{
	int i;

	switch (s->at) {
	case D_ASK:
		s->got = s->ask;
		s->at = s->got == s->done ? D_SLEEPY : D_ARM;
		break;
	case D_ARM:
		s->arming = s->arm;
		s->arm = 0;
		s->at = s->arming ? D_QUIET : D_LOOK;
		break;
	case D_QUIET:
		if (flaw != CHIME_DRAINED_BY_CLIENT)
			s->chime = 0;
		s->at = flaw != RECORDED_AFTER_LOOK ? D_RECORD : D_LOOK;
		break;
	case D_RECORD:
		s->armed = s->recorded = 1;
		s->rung = 0;
		s->at = flaw == RECORDED_AFTER_LOOK ? D_ANSWER : D_LOOK;
		break;
	case D_LOOK:
		s->result = s->packets > 0;
		s->at = s->arming && s->result ? D_CHIME : s->arming && flaw == RECORDED_AFTER_LOOK ? D_RECORD : D_ANSWER;
		break;
	case D_CHIME:	/* lr_door_news */
		s->chime = 1;
		s->armed = s->recorded = s->rung = 0;
		s->at = D_ANSWER;
		break;
	case D_ANSWER:
		if (flaw == SLEEPERS_BEFORE_ANSWER && !(s->result & 2)) {
			s->result |= (uint8_t)(2 | (s->sleepers ? 4 : 0));
			break;
		}
		s->answer = s->done = s->got;
		for (i = 0; i < CLIENTS; i++)
			if (s->c[i].at != C_END && s->c[i].n && s->c[i].n <= s->answer && s->c[i].result == 9)
				s->c[i].result = s->result & 1;
		s->at = flaw == SLEEPERS_BEFORE_ANSWER ? (s->result & 4 ? D_WAKE : D_ASK) : D_SLEEPERS;
		s->arming = 0;
		break;
	case D_SLEEPERS:
		s->at = s->sleepers ? D_WAKE : D_ASK;
		break;
	case D_WAKE:
		if (flaw == SLEEPERS_CLEARED)
			s->sleepers = 0;
		for (i = 0; i < CLIENTS; i++)
			if (s->c[i].at == C_ASLEEP)
				s->c[i].at = C_CHECK;
		s->at = D_ASK;
		break;
	default:
		return sleep_step(s);
	}
	return true;
}

/* --- Clients ------------------------------------------------------------------------------------------ */

static void ring(struct state *s, int i)
{
	if (s->c[i].seen) {
		s->bell = 1;
		s->c[i].seen = 0;
		s->c[i].at = C_LOOK;
	} else if (s->asleep) {
		if (flaw == ONE_RINGS)
			s->asleep = 0;
		s->c[i].seen = 1;
	} else {
		s->c[i].at = C_LOOK;
	}
}

/* lr_remote_sync. */
static bool sync_step(struct state *s, int i)
{
	switch (s->c[i].at) {
	case C_BEGIN:
		s->c[i].n = ++s->ask;
		s->c[i].at = C_RING;
		break;
	case C_RING:
		ring(s, i);
		break;
	case C_LOOK:
		s->c[i].at = s->answer >= s->c[i].n ? C_END : C_COUNT;
		break;
	case C_COUNT:
		s->sleepers++;
		s->c[i].at = C_CHECK;
		break;
	case C_CHECK:
		if (flaw == SLEEPERS_CLEARED)
			s->sleepers = 1;
		s->c[i].seen = s->answer;
		s->c[i].at = s->answer >= s->c[i].n ? C_UNCOUNT : C_FUTEX;
		break;
	case C_FUTEX:
		s->c[i].at = s->answer == s->c[i].seen ? C_ASLEEP : C_CHECK;
		break;
	case C_UNCOUNT:
		s->sleepers -= s->sleepers > 0;
		s->c[i].seen = 0;
		s->c[i].at = --s->c[i].left ? C_BEGIN : C_END;
		break;
	default:
		return false;
	}
	if (s->c[i].at == C_END && s->c[i].left > 1) {
		s->c[i].left--;
		s->c[i].at = C_BEGIN;
	}
	return true;
}

/* lr_remote_poll with a waiter, the sleep, and again; who finds a packet takes it. */
static bool poll_step(struct state *s, int i)
{
	switch (s->c[i].at) {
	case C_BEGIN:
		if (flaw == CHIME_DRAINED_BY_CLIENT)
			s->chime = 0;
		s->c[i].at = C_ARM;
		break;
	case C_ARM:
		s->arm = 1;
		s->c[i].at = C_ASK;
		break;
	case C_ASK:
		s->c[i].n = ++s->ask;
		s->c[i].result = 9;
		s->c[i].at = C_RING;
		break;
	case C_RING:
		ring(s, i);
		if (s->c[i].at == C_LOOK)
			s->c[i].at = C_AWAIT;
		break;
	case C_AWAIT:
		if (s->answer < s->c[i].n)
			return false;
		s->c[i].at = C_RESULT;
		break;
	case C_RESULT:
		s->c[i].at = s->c[i].result ? C_UNCOUNT : C_CHIME;
		break;
	case C_CHIME:
		if (!s->chime)
			return false;
		s->c[i].at = C_BEGIN;
		s->c[i].n = 0;
		break;
	case C_UNCOUNT:	/* somebody else may have been quicker: then it is as if nothing had been there */
		if (s->packets) {
			s->packets--;
			s->c[i].at = C_END;
		} else {
			s->c[i].at = C_BEGIN;
		}
		s->c[i].n = 0;
		break;
	default:
		return false;
	}
	return true;
}

/* A packet comes: the ring has it, and who is recorded is woken (os_waitq_wake). */
static bool news_step(struct state *s)
{
	if (!s->to_come)
		return false;
	if (s->to_come & 1) {
		s->packets++;
	} else if (s->recorded) {
		s->rung = 1;
	}
	s->to_come--;
	return true;
}

/* --- What must hold ------------------------------------------------------------------------------------ */

/* Nobody can do anything any more. */
static bool stuck(const struct state *s, bool poll)
{
	int i;

	for (i = 0; i < CLIENTS; i++) {
		if (s->c[i].at == C_END || s->c[i].at == C_DEAD)
			continue;
		/* A poller may sleep when there is nothing. */
		if (!poll || s->packets || s->c[i].at != C_CHIME)
			return true;
	}
	return false;
}

/* True: somebody can be left asleep. */
static bool search(bool poll, struct state begin)
{
	bool found = false;

	memset(taken, 0, TABLE);
	depth = states = 0;
	visit(&begin);
	while (depth && !found) {
		struct state s = stack[--depth], next;
		bool moved = false;
		int i;

		next = s;
		if (daemon_step(&next)) {
			visit(&next);
			moved = true;
		}
		next = s;
		if (news_step(&next)) {
			visit(&next);
			moved = true;
		}
		for (i = 0; i < CLIENTS; i++) {
			next = s;
			if (poll ? poll_step(&next, i) : sync_step(&next, i)) {
				visit(&next);
				moved = true;
				if (deaths && i == 0) {
					next = s;
					next.c[i].at = C_DEAD;
					visit(&next);
				}
			}
		}
		found = !moved && stuck(&s, poll);
	}
	return found;
}

static bool fails(bool poll, unsigned int syncs, unsigned int packets, enum flaw f, bool die)
{
	struct state s;
	bool found;
	int i;

	table = calloc(TABLE, sizeof(*table));
	stack = calloc(TABLE, sizeof(*stack));
	taken = calloc(TABLE, 1);
	memset(&s, 0, sizeof(s));
	s.to_come = (uint8_t)(2 * packets);
	for (i = 0; i < CLIENTS; i++)
		s.c[i].left = (uint8_t)syncs;
	flaw = f;
	deaths = die;
	found = search(poll, s);
	free(table);
	free(stack);
	free(taken);
	return found;
}

static void sync_is_answered(void)
{
	CHECK(!fails(false, 3, 0, NONE, false));
	printf("# sync: %u states\n", states);
}

static void sync_is_answered_whoever_dies(void)
{
	CHECK(!fails(false, 3, 0, NONE, true));
}

static void sleepers_are_told(void)
{
	CHECK(!fails(true, 1, 3, NONE, false));
	printf("# poll: %u states\n", states);
}

static void sleepers_are_told_whoever_dies(void)
{
	CHECK(!fails(true, 1, 3, NONE, true));
}

static void flaws_are_found(void)
{
	CHECK(fails(false, 2, 0, ASLEEP_AFTER_LOOK, false));
	CHECK(fails(false, 2, 0, BELL_DRAINED_LATE, false));
	CHECK(fails(false, 2, 0, SLEEPERS_BEFORE_ANSWER, false));
	CHECK(fails(false, 3, 0, SLEEPERS_CLEARED, false));
	CHECK(fails(true, 1, 3, RECORDED_AFTER_LOOK, false));
	CHECK(fails(true, 1, 3, CHIME_DRAINED_BY_CLIENT, true));
	CHECK(fails(false, 2, 0, ONE_RINGS, true));
}

int main(int argc, char **argv)
{
	static const struct unit_case cases[] = {
		{ "sync_is_answered", sync_is_answered },
		{ "sync_is_answered_whoever_dies", sync_is_answered_whoever_dies },
		{ "sleepers_are_told", sleepers_are_told },
		{ "sleepers_are_told_whoever_dies", sleepers_are_told_whoever_dies },
		{ "flaws_are_found", flaws_are_found },
	};

	return unit_main(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
