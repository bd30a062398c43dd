/* SPDX-License-Identifier: MIT */
/* See config_doc.h. */
#include "core/config_doc.h"

#include "core/host.h"
#include "core/module_conf.h"
#include "core/settings.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

void
config_dump(const struct core *core, struct buf *out)
{
    settings_dump(core->settings, out);
    for (size_t i = 0; i < host_count(core->host); i++) {
        const struct host_module *module = host_at(core->host, i);

        buf_printf(out, "\n# modules/%s.conf\n", module->name);
        if (module->conf)
            module_conf_dump(module->conf, out);
    }
}

static int
write_file(const char *dir, const char *name, const struct buf *text, struct sotto_err *err)
{
    char path[PATH_MAX];
    FILE *file;
    bool written;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "we");
    if (!file)
        return sotto_err_set(err, SOTTO_EIO, "%s cannot be written: %s", path, strerror(errno));
    fchmod(fileno(file), 0644); /* conf files hold no secret, and the umask is for data */
    written = fwrite(buf_text(text), 1, text->size, file) == text->size;
    if (fclose(file) != 0 || !written || text->failed)
        return sotto_err_set(err, SOTTO_EIO, "%s cannot be written", path);
    return 0;
}

/* The server's file ends with the modules of the current conf; without one, with all that are installed. */
static void
add_modules(const struct settings *settings, struct buf *out)
{
    buf_puts(out, "# The modules, and their own conf files.\ninclude \"modules/*.conf\"\n");
    for (size_t i = 0; i < settings->module_count; i++)
        buf_printf(out, "module \"%s\" { enabled = %s  required = %s }\n",
                   settings->modules[i].name, settings->modules[i].enabled ? "yes" : "no",
                   settings->modules[i].required ? "yes" : "no");
}

int
config_write_docs(const struct core *core, const char *dir, struct sotto_err *err)
{
    struct buf text = {0};
    char name[PATH_MAX];
    int error;

    snprintf(name, sizeof(name), "%s/modules", dir);
    if (mkdir(dir, 0755) == 0)
        chmod(dir, 0755);
    if (mkdir(name, 0755) == 0)
        chmod(name, 0755);
    settings_document(&text);
    add_modules(core->settings, &text);
    error = write_file(dir, "sotto.conf", &text, err);
    buf_fini(&text);
    for (size_t i = 0; i < host_count(core->host) && !error; i++) {
        const struct host_module *module = host_at(core->host, i);

        module_conf_document(module->descriptor, &text);
        snprintf(name, sizeof(name), "modules/%s.conf", module->name);
        error = write_file(dir, name, &text, err);
        buf_fini(&text);
    }
    return error;
}
