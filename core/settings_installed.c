/* SPDX-License-Identifier: MIT */
/*
 * The modules of a first conf file: whatever is installed. Only names are read here; host_load opens the files and
 * checks them, as it does for a conf file that names them. See settings.h.
 */
#include "core/settings.h"
#include "core/textpool.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIX ".so"
#define SUFFIX_SIZE (sizeof(SUFFIX) - 1)

/* Whether the file is called <name of a module>.so. */
static int
is_module_file(const struct dirent *entry)
{
    const size_t size = strlen(entry->d_name);
    char name[sizeof(entry->d_name)];

    if (size <= SUFFIX_SIZE || strcmp(entry->d_name + size - SUFFIX_SIZE, SUFFIX) != 0)
        return false;
    snprintf(name, sizeof(name), "%.*s", (int)(size - SUFFIX_SIZE), entry->d_name);
    return settings_is_module_name(name);
}

static void
add_module(struct settings *settings, const char *file, bool *out_of_memory)
{
    struct settings_module *module = &settings->modules[settings->module_count];

    *module = (struct settings_module){
        .enabled = true,
        .required = true,
        .file = settings->module_dir,
        .name = textpool_copy(settings->pool, file, strlen(file) - SUFFIX_SIZE)};
    if (module->name)
        settings->module_count++;
    else
        *out_of_memory = true;
}

void
settings_take_installed(struct settings *settings, struct conf_errors *errors, bool *out_of_memory)
{
    struct dirent **files = NULL;
    const int count = scandir(settings->module_dir, &files, is_module_file, alphasort);

    if (count <= 0)
        conf_error(errors, settings->module_dir, 0, "module_dir",
                   "no modules are here; name their folder with --module-dir, or a conf with -c");
    if (count > SETTINGS_MODULES_MAX)
        conf_error(errors, settings->module_dir, 0, "module_dir", "has more than %d modules",
                   SETTINGS_MODULES_MAX);
    for (int i = 0; i < count; i++) {
        if (i < SETTINGS_MODULES_MAX)
            add_module(settings, files[i]->d_name, out_of_memory);
        free(files[i]);
    }
    free(files);
}
