/* SPDX-License-Identifier: MIT */
/* The jobs of sotto-load: see load.c. Each returns the exit code of the process. */
#ifndef LOAD_H
#define LOAD_H

#include "rig_conn.h"

#define LOAD_READERS_MAX 100 /* of one chat in pairs and ledger; who stop reading in stall */

struct load_options {
    struct rig_address address;
    size_t pairs, readers, window, messages, members, connections, bytes;
    double seconds;
};

int load_pairs(const struct load_options *options, bool ledger);
/* Until stdin ends: whoever started the job has looked at the server. */
void load_wait_stdin(void);

int load_attach(const struct load_options *options);
int load_catchup(const struct load_options *options);
int load_group(const struct load_options *options);
int load_idle(const struct load_options *options);
int load_login(const struct load_options *options);
int load_stall(const struct load_options *options);
int load_readers(const struct load_options *options);
int load_secrets(const struct load_options *options);

#endif
