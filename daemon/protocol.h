/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What netmapd and its clients say to each other. READ FIRST: the two sides are lib/daemon*.c and daemon/.
 *
 * One connection is one open descriptor of /dev/netmap; copies of it after dup and fork share it, and it ends when
 * the last of them does. Its messages (SOCK_SEQPACKET) are few:
 *
 *	client -> daemon   HELLO                        first; who it is the kernel tells (SO_PEERCRED)
 *	daemon -> client   WELCOME [door, bell, 2 chimes]   or REFUSED with the reason
 *	client -> daemon   CALL cmd arg [line, namespace]   an ioctl by a thread in that network namespace; the rest goes over
 *	                                                the line, a socket made for this call
 *	client -> daemon   LEAVE [line]                 one process closes its copy: it does so, then ends the line on its side,
 *	                                                and the daemon ends it when, if that was the last copy, all is unbound
 *
 * so that threads and processes with one descriptor never take each other's answers. Over the line:
 *
 *	daemon -> client   READ addr len                the core wants something of the program's memory
 *	client -> daemon   DATA result, bytes
 *	daemon -> client   WRITE addr, bytes            the core has something for the program's memory
 *	client -> daemon   DATA result
 *	daemon -> client   DONE result, reason [memory]     the end of the call; memory when it has bound the descriptor
 *
 * Sync and poll need no message: the door is memory that both have mapped, see struct lrd_door.
 *
 * Neither side trusts the other with more than it has to. A client has its memory read and written by the daemon,
 * so it checks that the daemon belongs to root or to its own user. The daemon believes no field of any message.
 */
#ifndef LR_DAEMON_PROTOCOL_H
#define LR_DAEMON_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#define LRD_VERSION 1u

/* Where the system's daemon listens; a user's own is NAME under XDG_RUNTIME_DIR, or /tmp/NAME-UID without one. */
#define LRD_SYSTEM_SOCKET "/run/netmapd/socket"
#define LRD_USER_SOCKET "netmapd.socket"

enum lrd_type { LRD_HELLO = 1, LRD_WELCOME, LRD_REFUSED, LRD_CALL, LRD_READ, LRD_WRITE, LRD_DATA, LRD_DONE, LRD_LEAVE };

#define LRD_DATA_MAX 4096u	/* bytes of the program's memory in one message */
#define LRD_FDS_MAX 4
#define LRD_REASON_MAX 256

struct lrd_msg {
	uint32_t type;
	int32_t result;		/* 0 or -errno */
	uint64_t addr;		/* READ, WRITE: in the program; CALL: the argument; DONE: the size of the memory */
	uint32_t len;		/* READ: how much; otherwise the bytes of data that follow */
	uint32_t cmd;		/* CALL: the ioctl; HELLO: LRD_VERSION; DONE: LRD_BOUND or 0 */
	uint32_t word;		/* HELLO: the program's word in bytes */
	uint32_t zero;
	unsigned char data[LRD_DATA_MAX];
};

#define LRD_HEAD ((uint32_t)offsetof(struct lrd_msg, data))
#define LRD_BOUND 1u

/* What comes with LRD_BOUND as data. */
#define LRD_INDIRECT_RINGS 64u
struct lrd_bound {
	uint32_t indirect;	/* the port knows NS_INDIRECT: the client has to read what is in its own memory */
	uint32_t num_tx;
	uint64_t tx[LRD_INDIRECT_RINGS];	/* where the bound tx rings are in the memory */
};

/*
 * The door: requests to sync and to poll, one lane for each kind.
 *
 *	client                                  daemon (one thread at a time)
 *	n = ++ask                               n = ask; if n is not answered yet:
 *	if asleep: ring the bell                    sync or poll; answer = n, result; if sleepers: wake them
 *	until answer >= n: spin, then           nothing asked in any lane:
 *	    sleepers++; if answer < n sleep         asleep = 1; look at all lanes again; sleep on the bell;
 *	    on it; sleepers--                       asleep = 0; drain the bell; all lanes again
 *
 * Requests of one lane mean the same, so one sync answers all that were asked for before it began: no lock, and it does not
 * matter if who asked is still there, or ever goes on: what a client leaves half done (a sleeper that is counted and gone)
 * costs a system call and keeps nobody waiting. Numbers are compared modulo 2^32.
 *
 * The poll lanes wake a program that sleeps in poll through a chime each, a pipe that the daemon writes to. Who wants to
 * sleep sets `arm`, asks, and sleeps if nothing is ready. The daemon takes `arm` with the request, drains the chime, records
 * itself with the rings, and only then looks. If something is ready it chimes; if not it is armed, and chimes when the rings
 * have news, without a look (rings move only in calls of the program), and is no longer armed. Each draining is followed by
 * a look: nobody else's wake-up is lost with it. LRD_WATCH_IN drains and arms without a look, for who will poll past the
 * library; nobody waits for its answer. So it does nothing any more once somebody has asked to sleep on the chime: that may
 * be another process, which a fork has given the descriptor.
 *
 * No wake-up is lost: each pair (ask, asleep), (answer, sleepers), (arm, ask) is written by one side and then the other word
 * is read, and the other way round on the other side, all sequentially consistent: one of the two sees the other.
 * test/unit/daemon_model_test.c goes through all interleavings.
 */
enum lrd_lane_kind { LRD_TXSYNC, LRD_RXSYNC, LRD_POLL_IN, LRD_POLL_OUT, LRD_WATCH_IN, LRD_LANES };

struct lrd_lane {
	uint32_t ask;		/* clients count up */
	uint32_t arm;		/* clients set, the daemon takes; poll lanes only */
	uint32_t sleepers;	/* clients count those who sleep on the answer, or are about to */
	uint32_t zero;
	uint64_t answer;	/* low half: the last ask that is answered; high half: the result */
	uint64_t stamp;		/* poll lanes: changes with any news in the rings */
	uint64_t pad[4];
};

struct lrd_door {
	struct lrd_lane lane[LRD_LANES];
	uint32_t asleep;	/* the daemon sleeps, or is about to: ring the bell */
	uint32_t zero[15];
};

/*
 * How long to look before sleeping, on either side: longer when that was worth it, shorter when not; now and then a try. On a busy
 * machine the processor is better given to the other side at once.
 */
#define LRD_SPINS_MAX 400u
#define LRD_SPINS_TRY 32u

static inline unsigned int lrd_spins(unsigned int *spins, unsigned int *waits)
{
	return ++*waits % LRD_SPINS_TRY ? *spins : LRD_SPINS_MAX;
}

static inline void lrd_spun(unsigned int *spins, int worth)
{
	*spins = worth ? (*spins < LRD_SPINS_MAX / 2 ? 2 * *spins + 16 : LRD_SPINS_MAX) : *spins / 2;
}

#define LRD_DOOR_SIZE 4096u
_Static_assert(sizeof(struct lrd_lane) == 64 && sizeof(struct lrd_door) <= LRD_DOOR_SIZE, "the door's layout is for both sides");

static inline uint64_t lrd_answer(uint32_t ask, int32_t result)
{
	return ask | (uint64_t)(uint32_t)result << 32;
}

/* The answer is for this ask, or for a later one. */
static inline int lrd_answered(uint64_t answer, uint32_t ask)
{
	return (int32_t)((uint32_t)answer - ask) >= 0;
}

static inline int32_t lrd_result(uint64_t answer)
{
	return (int32_t)(uint32_t)(answer >> 32);
}

#endif
