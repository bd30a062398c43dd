/* SPDX-License-Identifier: MIT */
/*
 * Prints the methods of modules as the server would register them, one a line, from the tables in the built files:
 *
 *     method_table MODULE.so...
 *     sotto.chat.v1.ChatService/Send session 73728
 *
 * the name, the level, the largest request in bytes. The matrix of who may call what (table.py) is held against it.
 */
#include "sotto/module.h"
#include "sotto/rpc.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static const char *
level_name(uint8_t level)
{
    switch ((enum sotto_level)level) {
    case SOTTO_LEVEL_NONE: return "none";
    case SOTTO_LEVEL_SESSION: return "session";
    }
    return "unknown";
}

static void
print_methods(const struct sotto_module *module)
{
    const struct sotto_rpc_row *rows = module->rpcs.items;

    for (size_t i = 0; i < module->rpcs.count; i++) {
        const ProtobufCServiceDescriptor *service = rows[i].service;

        printf("%s/%s %s %u\n", service->name, service->methods[rows[i].index].name,
               level_name(rows[i].level), (unsigned)rows[i].max_bytes);
    }
}

int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        void *library = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
        void *symbol = library != NULL ? dlsym(library, "sotto_module_entry") : NULL;
        const struct sotto_module *(*entry)(void);

        if (symbol == NULL) {
            fprintf(stderr, "method_table: %s\n", dlerror());
            return 1;
        }
        /* POSIX lets dlsym return functions as void *; ISO C has no cast for it. */
        memcpy(&entry, &symbol, sizeof(entry));
        print_methods(entry());
    }
    return 0;
}
