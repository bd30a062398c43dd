/* SPDX-License-Identifier: MIT */
/* The process around the server: its rights, its limits, its data folder. */
#ifndef CORE_PROCESS_H
#define CORE_PROCESS_H

#include "sotto/types.h"

struct settings;

/* Before anything else: umask 077, no SIGPIPE, large memory given back at once, as many files as the system allows. */
void process_setup(void);
/* Core dumps as the conf says; in releases nobody may trace the process. */
void process_protect(const struct settings *);
/* Makes the data folder (0700) and locks it for this process; the descriptor of the lock, which the caller
 * closes at the end. SOTTO_EIO with a sentence: no such parent, no rights, another server runs on it. */
int process_lock_data(const char *data, struct sotto_err *err);
/* The process now ends within so many seconds: in order, or else with exit code 1 and a line on stderr. Nothing that
 * was acknowledged can be lost by that. Any thread, once. */
void process_end_within(unsigned seconds);

#endif
