/* SPDX-License-Identifier: BSD-2-Clause */
/* The workers together: the port they share, their threads, and waiting for them. */
#ifndef PKT_GEN_TEAM_H
#define PKT_GEN_TEAM_H

#include "capture.h"

#include <pthread.h>
#include <stdbool.h>

struct nmport_d;
struct options;
struct worker;

struct team {
	const struct options *options;
	struct capture capture;
	struct nmport_d *port;		/* all rings; that of the worker if there is only one */
	struct worker *workers;
	unsigned int count;
	pthread_mutex_t lock;		/* guards running */
	pthread_cond_t quit;		/* a worker has returned */
	unsigned int running;
};

/* False after a message on stderr; then there is nothing to close. */
bool team_open(struct team *team, const struct options *options);
void team_close(struct team *team);

/* False after a message; the threads that were started have ended again. */
bool team_start(struct team *team);

/* Waits for so many ms, or until all workers have returned; says whether they have. */
bool team_wait(struct team *team, unsigned int ms);

/* Ends the threads' life after they have returned. False, after a message for each, if any of them failed. */
bool team_join(struct team *team);

#endif
