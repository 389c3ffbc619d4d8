#include "client/cli/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"

extern char **environ;

static bool have_gnuplot(void)
{
    const char *list = getenv("PATH");
    while (list && *list) {
        char path[4096];
        size_t n = strcspn(list, ":");
        (void)snprintf(path, sizeof path, "%.*s/gnuplot", (int)n, list);
        if (n && access(path, X_OK) == 0)
            return true;
        list += n + (list[n] == ':');
    }
    return false;
}

/* Sizes are those of one panel in a picture of its own; more panels get a larger picture. */
struct terminal {
    const char *ending, *name, *unit, *options;
    double width, height;
};

static const struct terminal *terminal_for(const char *path)
{
    static const struct terminal all[] = {
        {".png", "pngcairo", "", "fontscale 1.25 linewidth 1.6 font 'DejaVu Sans,13'", 1400, 900},
        {".svg", "svg", "", "dynamic font 'DejaVu Sans,14' background '#ffffff'", 1000, 640},
        {".pdf", "pdfcairo", "in", "font 'DejaVu Sans,13'", 9, 5.8}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof all / sizeof *all; i++)
        if (!strcmp(dot, all[i].ending))
            return &all[i];
    return NULL;
}

static void set_terminal(FILE *s, const char *path, size_t columns, size_t rows)
{
    static const double wide[] = {1, 1.2, 1.45, 1.75}, high[] = {1, 1.3, 1.65, 2};
    const struct terminal *t = terminal_for(path);
    size_t column = columns < 1   ? 0
                    : columns > 4 ? 3
                                  : columns - 1,
           row = rows < 1   ? 0
                 : rows > 4 ? 3
                            : rows - 1;
    double w = wide[column], h = rows == 1 && columns > 1 ? 0.75 : high[row];
    (void)fprintf(s, "set terminal %s size %.4g%s,%.4g%s %s noenhanced\nset output ", t->name, w * t->width,
                  t->unit, h * t->height, t->unit, t->options);
    gnuplot_quote(s, path);
}

qx_err gnuplot_check(const char *path, struct qx_error *err)
{
    if (!terminal_for(path))
        return qx_fail(err, QX_ERR_INVALID, "--plot %s: want a name that ends in .png, .svg or .pdf", path);
    if (!have_gnuplot())
        return qx_fail(err, QX_ERR_INVALID,
                       "--plot needs gnuplot, which is not installed (Debian: apt install gnuplot-nox)");
    return QX_ERR_OK;
}

/* Text inside single quotes. */
void gnuplot_quote(FILE *to, const char *text)
{
    (void)fputc('\'', to);
    for (; *text; text++) {
        if (*text == '\'')
            (void)fputc('\'', to);
        (void)fputc((unsigned char)*text < 0x20 ? ' ' : *text, to);
    }
    (void)fputc('\'', to);
}

int gnuplot_start(FILE *s, const char *path, size_t n_panels, const char *heading)
{
    size_t columns = 1;
    while (columns * columns < n_panels)
        columns++;
    set_terminal(s, path, columns, (n_panels + columns - 1) / columns);
    (void)fputs("\nset encoding utf8\n"
                "set border 3 linecolor '#888888' linewidth 1\n"
                "set tics nomirror out scale 0.6 textcolor '#333333'\n"
                "set grid ytics linecolor '#e4e4e4' linewidth 1 linetype 1\n"
                "set style fill solid 1.0 noborder\n"
                "set key off\nset bmargin 4.2\nset rmargin 4\n",
                s);
    if (n_panels > 1) {
        (void)fprintf(s, "set multiplot layout %zu,%zu title ", (n_panels + columns - 1) / columns, columns);
        gnuplot_quote(s, heading);
        (void)fprintf(s, " font 'DejaVu Sans,15'\nset tics font 'DejaVu Sans,%d'\n", columns > 2 ? 9 : 11);
    }
    return (int)columns;
}

void gnuplot_panel(FILE *s)
{
    (void)fputs("unset label\nunset arrow\nset autoscale\nset key off\nset xtics norotate autofreq\n", s);
}

void gnuplot_title(FILE *s, const char *text, double offset)
{
    (void)fputs("set title ", s);
    gnuplot_quote(s, text);
    (void)fprintf(s, " font 'DejaVu Sans,15' textcolor '#222222' offset 0,%g\n", offset);
}

void gnuplot_axis(FILE *s, const char *which, const char *text)
{
    (void)fprintf(s, "set %slabel ", which);
    gnuplot_quote(s, text);
    (void)fputs(" textcolor '#333333'\n", s);
}

/* Runs a finished script; stderr comes back in err. */
qx_err gnuplot_run(FILE *script, struct qx_error *err)
{
    int said = memfd_create("gnuplot-stderr", MFD_CLOEXEC);
    posix_spawn_file_actions_t files;
    char *argv[] = {"gnuplot", "-", NULL};
    pid_t pid;
    if (said < 0 || fflush(script) || posix_spawn_file_actions_init(&files))
        return qx_fail(err, QX_ERR_INVALID, "--plot: %s", strerror(errno));
    rewind(script);
    (void)posix_spawn_file_actions_adddup2(&files, fileno(script), STDIN_FILENO);
    (void)posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&files, said, STDERR_FILENO);
    int e = posix_spawnp(&pid, "gnuplot", &files, NULL, argv, environ), status = 0;
    posix_spawn_file_actions_destroy(&files);
    if (!e)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    char words[160] = "";
    ssize_t n = pread(said, words, sizeof words - 1, 0);
    words[n > 0 ? n : 0] = '\0';
    close(said);
    if (e)
        return qx_fail(err, QX_ERR_INVALID, "--plot: cannot start gnuplot: %s", strerror(e));
    if (status)
        return qx_fail(err, QX_ERR_INVALID, "--plot: gnuplot failed: %s", words + strspn(words, "\n"));
    return QX_ERR_OK;
}
