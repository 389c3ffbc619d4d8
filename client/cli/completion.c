/* Completion scripts, made from the tables of commands and options. Names of tasks and parameters are asked for by
 * `qx tasks --output names` when they are needed. */
#include <string.h>

#include "client/cli/cli.h"

/* ---- bash ---- */

static void bash_options(FILE *out, const struct command *c)
{
    for (int i = 0; i < OPT_COUNT; i++)
        if (c->options & OPT_BIT(i))
            (void)fprintf(out, " --%s", option_specs[i].name);
}

static void bash_values(FILE *out)
{
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_spec *o = &option_specs[i];
        char letter[8] = "";
        if (!o->arg)
            continue;
        if (o->letter)
            (void)snprintf(letter, sizeof letter, "|-%c", o->letter);
        if (!strcmp(o->complete, "FILE"))
            (void)fprintf(out, "        --%s%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", o->name,
                          letter);
        else if (!strcmp(o->complete, "TASK"))
            (void)fprintf(out,
                          "        --%s%s) COMPREPLY=($(compgen -W \"$(qx tasks --output names "
                          "2>/dev/null)\" -- \"$cur\")); return ;;\n",
                          o->name, letter);
        else
            (void)fprintf(out, "        --%s%s) COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); return ;;\n",
                          o->name, letter, o->complete);
    }
}

static void bash_positionals(FILE *out, const struct command *c)
{
    if (!strcmp(c->complete, "TASK"))
        (void)fputs("            if [[ $words_given -eq 0 ]]; then COMPREPLY=($(compgen -W \"$(qx tasks "
                    "--output names 2>/dev/null)\" -- \"$cur\"))\n"
                    "            else COMPREPLY=($(compgen -W \"$(qx tasks --output names \"$task\" "
                    "2>/dev/null)\" -- \"$cur\") $(compgen -f -- \"$cur\")); "
                    "[[ $COMPREPLY == *= ]] && compopt -o nospace; fi ;;\n",
                    out);
    else if (!strcmp(c->complete, "JOB"))
        (void)fputs("            COMPREPLY=($(compgen -W \"$(qx status --output csv 2>/dev/null | sed 1d | "
                    "cut -d, -f1)\" -- \"$cur\")) ;;\n",
                    out);
    else if (!strcmp(c->complete, "COMMAND"))
        (void)fputs("            COMPREPLY=($(compgen -W \"$commands\" -- \"$cur\")) ;;\n", out);
    else
        (void)fprintf(out, "            COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")) ;;\n", c->complete);
}

static void bash(FILE *out)
{
    (void)fputs("# bash completion for qx\n_qx() {\n    local cur prev command task words_given i\n"
                "    cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} "
                "task= words_given=0\n"
                "    local commands=\"",
                out);
    for (size_t i = 0; i < n_commands; i++)
        (void)fprintf(out, "%s%s", i ? " " : "", commands[i].name);
    (void)fputs("\"\n    COMPREPLY=()\n"
                "    if [[ $COMP_CWORD -eq 1 ]]; then COMPREPLY=($(compgen -W \"$commands\" -- \"$cur\")); "
                "return; fi\n"
                "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
                "        [[ ${COMP_WORDS[i]} == -* || ${COMP_WORDS[i-1]} == --* ]] && continue\n"
                "        [[ $words_given -eq 0 ]] && task=${COMP_WORDS[i]}\n        "
                "words_given=$((words_given + 1))\n    done\n"
                "    case $prev in\n",
                out);
    bash_values(out);
    (void)fputs("    esac\n    if [[ $cur == -* ]]; then\n        case $command in\n", out);
    for (size_t i = 0; i < n_commands; i++) {
        (void)fprintf(out, "        %s) COMPREPLY=($(compgen -W \"", commands[i].name);
        bash_options(out, &commands[i]);
        (void)fputs("\" -- \"$cur\")) ;;\n", out);
    }
    (void)fputs("        esac\n        return\n    fi\n    case $command in\n", out);
    for (size_t i = 0; i < n_commands; i++) {
        (void)fprintf(out, "        %s)\n", commands[i].name);
        bash_positionals(out, &commands[i]);
    }
    (void)fputs("    esac\n}\ncomplete -F _qx qx\n", out);
}

/* ---- zsh ---- */

/* Help inside '...[..]...': quotes, brackets and colons mean something there. */
static void zsh_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            (void)fputs("'\\''", out);
        else if (strchr("[]:\\", *text))
            (void)fprintf(out, "\\%c", *text);
        else
            (void)fputc(*text, out);
    }
}

static void zsh_option(FILE *out, const struct option_spec *o)
{
    (void)fprintf(out, "                '%s--%s%s[", o->repeats ? "*" : "", o->name, o->arg ? "=" : "");
    zsh_text(out, o->help);
    (void)fputc(']', out);
    if (o->arg) {
        (void)fputc(':', out);
        zsh_text(out, o->arg);
        if (!strcmp(o->complete, "FILE"))
            (void)fputs(":_files", out);
        else if (!strcmp(o->complete, "TASK"))
            (void)fputs(":($(qx tasks --output names 2>/dev/null))", out);
        else
            (void)fprintf(out, ":(%s)", o->complete);
    }
    (void)fputs("' \\\n", out);
}

static const char *zsh_positionals(const struct command *c)
{
    if (!strcmp(c->complete, "TASK"))
        return "'1:task:($(qx tasks --output names 2>/dev/null))' '*:parameter:_qx_params'";
    if (!strcmp(c->complete, "JOB"))
        return "'1:job:($(qx status --output csv 2>/dev/null | sed 1d | cut -d, -f1))'";
    if (!strcmp(c->complete, "COMMAND"))
        return "'1:command:_qx_commands'";
    if (*c->complete)
        return "'1:shell:(bash zsh fish)'";
    return "'*::'";
}

static void zsh(FILE *out)
{
    (void)fputs("#compdef qx\n_qx_commands() {\n    local -a commands=(\n", out);
    for (size_t i = 0; i < n_commands; i++) {
        (void)fprintf(out, "        '%s:", commands[i].name);
        zsh_text(out, commands[i].help);
        (void)fputs("'\n", out);
    }
    (void)fputs(
        "    )\n    _describe command commands\n}\n"
        "_qx_params() {\n    local -a names=(${(f)\"$(qx tasks --output names ${words[2]} 2>/dev/null)\"})\n"
        "    compadd -S '' -- $names || _files\n}\n"
        "_qx() {\n    if (( CURRENT == 2 )); then _qx_commands; return; fi\n    local command=${words[2]}\n"
        "    shift words; (( CURRENT-- ))\n    case $command in\n",
        out);
    for (size_t i = 0; i < n_commands; i++) {
        (void)fprintf(out, "        %s)\n            _arguments \\\n", commands[i].name);
        for (int k = 0; k < OPT_COUNT; k++)
            if (commands[i].options & OPT_BIT(k))
                zsh_option(out, &option_specs[k]);
        (void)fprintf(out, "                %s ;;\n", zsh_positionals(&commands[i]));
    }
    (void)fputs("    esac\n}\nif [[ $funcstack[1] == _qx ]]; then _qx \"$@\"; else compdef _qx qx; fi\n",
                out);
}

/* ---- fish ---- */

static void fish_text(FILE *out, const char *text)
{
    (void)fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            (void)fputc('\\', out);
        (void)fputc(*text, out);
    }
    (void)fputc('\'', out);
}

static void fish_option(FILE *out, const struct command *c, const struct option_spec *o)
{
    (void)fprintf(out, "complete -c qx -n '__fish_seen_subcommand_from %s' -l %s", c->name, o->name);
    if (o->letter)
        (void)fprintf(out, " -s %c", o->letter);
    if (o->arg)
        (void)fputs(!strcmp(o->complete, "FILE") ? " -rF" : " -x", out);
    if (!strcmp(o->complete, "TASK"))
        (void)fputs(" -a '(qx tasks --output names 2>/dev/null)'", out);
    else if (*o->complete && strcmp(o->complete, "FILE"))
        (void)fprintf(out, " -a '%s'", o->complete);
    (void)fputs(" -d ", out);
    fish_text(out, o->help);
    (void)fputc('\n', out);
}

static void fish_positionals(FILE *out, const struct command *c)
{
    const char *words = c->complete;
    if (!strcmp(words, "TASK")) {
        (void)fprintf(
            out,
            "complete -c qx -n '__fish_seen_subcommand_from %s; and test (count (commandline -opc)) -eq 2' "
            "-a '(qx tasks --output names 2>/dev/null)'\n",
            c->name);
        (void)fprintf(out,
                      "complete -c qx -n '__fish_seen_subcommand_from %s; and test (count (commandline "
                      "-opc)) -gt 2' -F "
                      "-a '(qx tasks --output names (commandline -opc)[3] 2>/dev/null)'\n",
                      c->name);
        return;
    }
    if (!*words)
        return;
    if (!strcmp(words, "JOB"))
        words = "(qx status --output csv 2>/dev/null | sed 1d | cut -d, -f1)";
    if (!strcmp(words, "COMMAND"))
        words = "(__qx_commands)";
    (void)fprintf(out, "complete -c qx -n '__fish_seen_subcommand_from %s' -a '%s'\n", c->name, words);
}

static void fish(FILE *out)
{
    (void)fputs("# fish completion for qx\nfunction __qx_commands\n    printf '%s\\n'", out);
    for (size_t i = 0; i < n_commands; i++)
        (void)fprintf(out, " %s", commands[i].name);
    (void)fputs("\nend\ncomplete -c qx -f\n", out);
    for (size_t i = 0; i < n_commands; i++) {
        (void)fprintf(out, "complete -c qx -n __fish_use_subcommand -a %s -d ", commands[i].name);
        fish_text(out, commands[i].help);
        (void)fputc('\n', out);
        for (int k = 0; k < OPT_COUNT; k++)
            if (commands[i].options & OPT_BIT(k))
                fish_option(out, &commands[i], &option_specs[k]);
        fish_positionals(out, &commands[i]);
    }
}

int command_completion(struct cli *cli)
{
    static const struct {
        const char *shell;
        void (*write)(FILE *out);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    int status = cli_words(cli, 1, 1);
    if (status)
        return status;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (!strcmp(cli->words[0], shells[i].shell)) {
            shells[i].write(cli->out);
            return STATUS_OK;
        }
    return cli_fail(STATUS_USAGE, "no completion for '%s': want bash, zsh or fish", cli->words[0]);
}
