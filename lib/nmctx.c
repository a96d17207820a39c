/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contexts: what libnetmap takes from its program (messages, memory, a lock), and
 * the default one.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nmlib.h"

static void
print_error(struct nmctx *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "%s\n", text);
}

static void *
plain_malloc(struct nmctx *ctx, size_t size)
{
	(void)ctx;
	return malloc(size);
}

static void
plain_free(struct nmctx *ctx, void *ptr)
{
	(void)ctx;
	free(ptr);
}

static struct nmctx first_ctx = {
	.verbose = 1,
	.error = print_error,
	.malloc = plain_malloc,
	.free = plain_free,
};

static struct nmctx *default_ctx = &first_ctx;

/* One lock for all contexts that have no other. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void
mutex_lock(struct nmctx *ctx, int lock)
{
	(void)ctx;
	if (lock)
		pthread_mutex_lock(&mutex);
	else
		pthread_mutex_unlock(&mutex);
}

struct nmctx *
nmctx_get(void)
{
	return default_ctx;
}

struct nmctx *
nmctx_set_default(struct nmctx *ctx)
{
	struct nmctx *old = default_ctx;

	default_ctx = ctx ? ctx : &first_ctx;
	return old;
}

void
nmctx_set_threadsafe(void)
{
	default_ctx->lock = mutex_lock;
}

void
nmctx_ferror(struct nmctx *ctx, const char *format, ...)
{
	int err = errno;
	char text[1024];
	va_list ap;

	if (ctx->error == NULL)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	ctx->error(ctx, text);
	errno = err;
}

void *
nmctx_malloc(struct nmctx *ctx, size_t size)
{
	return (ctx->malloc ? ctx->malloc : plain_malloc)(ctx, size);
}

void *
lr_nmctx_zalloc(struct nmctx *ctx, size_t size)
{
	void *p = nmctx_malloc(ctx, size);

	if (p == NULL) {
		errno = ENOMEM;
		nmctx_ferror(ctx, "out of memory: %zu bytes", size);
		return NULL;
	}
	memset(p, 0, size);
	return p;
}

void
nmctx_free(struct nmctx *ctx, void *ptr)
{
	if (ptr)
		(ctx->free ? ctx->free : plain_free)(ctx, ptr);
}

void
nmctx_lock(struct nmctx *ctx)
{
	if (ctx->lock)
		ctx->lock(ctx, 1);
}

void
nmctx_unlock(struct nmctx *ctx)
{
	if (ctx->lock)
		ctx->lock(ctx, 0);
}
