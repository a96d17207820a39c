/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The soak: what its files share. READ soak.c FIRST.
 *
 * There are lanes, each a place that packets can be sent from and received at: a ring pair of a port that is kept open all
 * through a round, so that its counters survive whatever happens to the clients on it. A lane has one client at a time.
 */
#ifndef TEST_SOAK_H
#define TEST_SOAK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <net/netmap.h>
#include <net/netmap_linerate.h>
#include <net/netmap_user.h>

#include "fault.h"

#define GROUPS 4
#define LANES_MAX 12	/* of a group */
#define RABBLE 4	/* clients that do as they like */

/*
 * ONE: a switch on which each packet goes to one port, or to nobody. ALL: one where each goes to all others. PIPES: lane 2i
 * and lane 2i + 1 are the ends of one.
 */
enum group_kind { GROUP_ONE, GROUP_ALL, GROUP_PIPES };

/* What a client is about to do to a ring; 0: nothing. Decides, if it is killed then, whether that has happened. */
enum step { STEP_NONE, STEP_SEND, STEP_RECEIVE };

struct lane {
	char name[64];		/* of the port */
	bool persistent;	/* else a descriptor of ours keeps it, which has bound ring 1 */
	int keeper;
	uint32_t index;		/* on the switch */
	/* Of the client that has it. */
	pid_t pid;
	uint32_t life;		/* counts clients */
	uint32_t step;
	uint64_t before;	/* sent or received, before the step */
	uint32_t count;		/* how many more after it */
	uint32_t target;	/* where hwcur is then */
	/* Of all of them. */
	uint64_t sent, received;
	char error[200];	/* what went wrong: ends the soak */
};

struct group {
	enum group_kind kind;
	unsigned int lanes;
	struct lane lane[LANES_MAX];
};

/* What the processes of the soak share. */
struct soak {
	struct group group[GROUPS];
	pid_t rabble[RABBLE];
	uint32_t stop;		/* the round ends */
	uint32_t faults_on;
	uint64_t opens, refused, kills, attaches, requests;
	char error[200];	/* of the rabble */
};

extern struct soak *soak;
extern bool nics;	/* there are interfaces to attach */

/* --- device.c: requests ------------------------------------------------------------------------------------ */

extern char why[256];	/* the reason of the last request that failed */

/* 0 or the errno. */
int ask(int fd, uint16_t type, const char *name, void *body);
/* A new descriptor, tried again for a while if the daemon lacks something just now. -1 with errno. */
int device(void);

struct port {
	int fd;
	char *mem;
	uint64_t size;
	struct netmap_if *nifp;
};

/* Opens, registers, maps: 0 or the errno. */
int port_open(struct port *p, const char *name, struct nmreq_register *reg);
void port_close(struct port *p);

/* Counters of tx ring 0 and rx ring 0 of a port. */
bool port_stats(int fd, const char *name, struct nm_ring_stats *tx, struct nm_ring_stats *rx);

/* Milliseconds of a clock that only goes forward. */
uint64_t now_ms(void);

/* --- packet.c: packets, and random numbers ----------------------------------------------------------- */

uint32_t random_next(uint64_t *state);
/* Below n. */
uint32_t random_below(uint64_t *state, uint32_t n);

/* Who a packet is from: lane, its life, a number that grows; and who for, or LANES_MAX for all. */
struct mark {
	uint32_t group, from, life, to, seq;
};

#define PACKET_MIN 60u
#define PACKET_MAX 4000u

void packet_write(char *packet, uint32_t len, const struct mark *m);
/* False: it is damaged. */
bool packet_read(const char *packet, uint32_t len, struct mark *m);

/* --- world.c: the lanes and their accounts ------------------------------------------------------------------- */

void world_plan(void);
/* Makes what is kept in a round, and takes it away. False after a message. */
bool world_begin(void);
bool world_end(void);
/* A client that was stopped is going to be killed: what it has sent and received. False: that takes longer to know. */
bool world_settle(struct lane *l, bool patient);
/* What is still in pipes is taken out. */
bool world_drain(void);
/* Sent = received + counted drops, in each group. False after a message. */
bool world_balance(uint64_t *sent, uint64_t *received, uint64_t *dropped);
/* Nothing of a round is left in the daemon. */
bool world_is_empty(void);

/* --- client.c, rabble.c --------------------------------------------------------------------------------------- */

_Noreturn void client_run(unsigned int group, unsigned int lane, uint64_t seed);
_Noreturn void rabble_run(unsigned int number, uint64_t seed);

#endif
