/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections: each is an open descriptor of some program, with a thread that serves it.
 */
#ifndef LR_DAEMON_CLIENT_H
#define LR_DAEMON_CLIENT_H

#include <stdbool.h>

/* Takes the socket over. */
void lr_client_start(int sock);
/* How many there are. */
unsigned int lr_clients(void);
/* Ends all of them, and waits until their ports are closed. */
void lr_clients_stop(void);

#endif
