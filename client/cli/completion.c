/* Completion scripts, made from the tables of commands and options. What a farm knows is asked for when it is needed: names of
 * tasks, of the parameters of one, and values of one parameter by `qx tasks --output names`, jobs by `qx status`.
 *
 * Each script first goes over the words that are there already, to know which option waits for its value, which task is meant,
 * and which master. */
#include <string.h>

#include "client/cli/cli.h"

/* Options with a value: "--items|-n|--seed|-s" */
static void value_options(FILE *out, const char *between)
{
    bool first = true;
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_spec *o = &option_specs[i];
        if (!o->arg)
            continue;
        (void)fprintf(out, "%s--%s", first ? "" : between, o->name);
        if (o->letter)
            (void)fprintf(out, "%s-%c", between, o->letter);
        first = false;
    }
}

/* Commands whose first word is a task: "run|submit|tasks" */
static void task_commands(FILE *out, const char *between)
{
    bool first = true;
    for (size_t i = 0; i < n_commands; i++)
        if (!strcmp(commands[i].complete, "TASK")) {
            (void)fprintf(out, "%s%s", first ? "" : between, commands[i].name);
            first = false;
        }
}

static void command_names(FILE *out)
{
    for (size_t i = 0; i < n_commands; i++)
        (void)fprintf(out, "%s%s", i ? " " : "", commands[i].name);
}

/* Does it take name=value after a task? */
static bool takes_params(const struct command *c)
{
    return (c->options & OPT_BIT(OPT_SEED)) != 0;
}

/* ---- bash ---- */

static const char bash_helpers[] =
    "# bash completion for qx\n"
    "_qx_names() { qx tasks --output names \"${_qx_master[@]}\" \"$@\" 2>/dev/null; }\n"
    "_qx_jobs() { qx status --output csv \"${_qx_master[@]}\" 2>/dev/null | sed 1d | cut -d, -f1; }\n"
    "_qx_reply() { COMPREPLY=($(compgen -W \"$1\" -- \"$2\")); }\n"
    "_qx_files() {\n"
    "    local IFS=$'\\n'\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    COMPREPLY=($(compgen \"$1\" -- \"$2\"))\n"
    "}\n"
    "# A parameter of a task: its name, and after the = its values.\n"
    "_qx_param() {\n"
    "    local name=${2%%=*} values\n"
    "    if [[ $2 != *=* ]]; then\n"
    "        _qx_reply \"$(_qx_names \"$1\")\" \"$2\"\n"
    "        compopt -o nospace 2>/dev/null\n"
    "        return\n"
    "    fi\n"
    "    values=$(_qx_names \"$1\" \"$name=\")\n"
    "    if [[ $values == @file ]]; then _qx_files -f \"${2#*=}\"; else _qx_reply \"$values\" \"${2#*=}\"; "
    "fi\n"
    "    # where = does not break words, the word begins with the name\n"
    "    [[ $COMP_WORDBREAKS == *=* ]] || COMPREPLY=(\"${COMPREPLY[@]/#/$name=}\")\n"
    "}\n";

static const char bash_join[] =
    "_qx() {\n"
    "    local cur command expect= task= i word words_given=0\n"
    "    local -a w=() _qx_master=()\n"
    "    COMPREPLY=()\n"
    "    for ((i = 0; i <= COMP_CWORD; i++)); do # what = and : have split belongs together\n"
    "        word=${COMP_WORDS[i]}\n"
    "        if [[ $i -gt 0 && ($word =~ ^[=:]+$ || ${COMP_WORDS[i-1]} =~ ^[=:]+$) ]]; then\n"
    "            w[${#w[@]}-1]+=$word\n"
    "        else\n"
    "            w+=(\"$word\")\n"
    "        fi\n"
    "    done\n"
    "    command=${w[1]} cur=${w[${#w[@]}-1]}\n";

static void bash_scan(FILE *out)
{
    (void)fputs("    for word in \"${w[@]:2:${#w[@]}-3}\"; do\n"
                "        if [[ -n $expect ]]; then\n"
                "            case $expect in\n"
                "            --master|-m) _qx_master=(--master \"$word\") ;;\n"
                "            --task|-t) task=$word ;;\n"
                "            esac\n"
                "            expect=\n"
                "            continue\n"
                "        fi\n"
                "        case $word in\n"
                "        --master=*) _qx_master=(\"$word\") ;;\n"
                "        --task=*) task=${word#*=} ;;\n"
                "        ",
                out);
    value_options(out, "|");
    (void)fputs(") expect=$word ;;\n"
                "        -*) ;;\n"
                "        *)\n"
                "            case $command in ",
                out);
    task_commands(out, "|");
    (void)fputs(") [[ $words_given -eq 0 ]] && task=$word ;; esac\n"
                "            words_given=$((words_given + 1)) ;;\n"
                "        esac\n"
                "    done\n",
                out);
}

/* The values of options, as a function of option, word and task. */
static void bash_values(FILE *out)
{
    (void)fputs("_qx_value() {\n    case $1 in\n", out);
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option_spec *o = &option_specs[i];
        if (!o->arg || !*o->complete)
            continue;
        (void)fprintf(out, "    --%s", o->name);
        if (o->letter)
            (void)fprintf(out, "|-%c", o->letter);
        if (!strcmp(o->complete, "FILE"))
            (void)fputs(") _qx_files -f \"$2\" ;;\n", out);
        else if (!strcmp(o->complete, "DIR"))
            (void)fputs(") _qx_files -d \"$2\" ;;\n", out);
        else if (!strcmp(o->complete, "TASK"))
            (void)fputs(") _qx_reply \"$(_qx_names)\" \"$2\" ;;\n", out);
        else if (!strcmp(o->complete, "PARAM"))
            (void)fputs(") _qx_param \"$3\" \"$2\" ;;\n", out);
        else
            (void)fprintf(out, ") _qx_reply \"%s\" \"$2\" ;;\n", o->complete);
    }
    (void)fputs("    esac\n}\n", out);
}

static void bash_words(FILE *out, const struct command *c)
{
    bool task = !strcmp(c->complete, "TASK"), job = !strcmp(c->complete, "JOB");
    if (!*c->complete)
        return;
    (void)fprintf(out, "    %s)\n        ", c->name);
    if (job && takes_params(c))
        (void)fputs("if [[ -n $task ]]; then _qx_param \"$task\" \"$cur\"; return; fi\n        ", out);
    (void)fputs("if [[ $words_given -eq 0 ]]; then _qx_reply \"", out);
    if (task)
        (void)fputs("$(_qx_names)", out);
    else if (job)
        (void)fputs("$(_qx_jobs)", out);
    else if (!strcmp(c->complete, "COMMAND"))
        (void)fputs("$commands", out);
    else
        (void)fputs(c->complete, out);
    (void)fputs("\" \"$cur\"", out);
    if (task && takes_params(c))
        (void)fputs("; else _qx_param \"$task\" \"$cur\"", out);
    (void)fputs("; fi ;;\n", out);
}

static void bash_options(FILE *out)
{
    (void)fputs("    if [[ $cur == -* ]]; then\n        case $command in\n", out);
    for (size_t i = 0; i < n_commands; i++) {
        (void)fprintf(out, "        %s) _qx_reply \"", commands[i].name);
        for (int k = 0; k < OPT_COUNT; k++)
            if (commands[i].options & OPT_BIT(k))
                (void)fprintf(out, " --%s", option_specs[k].name);
        (void)fputs("\" \"$cur\" ;;\n", out);
    }
    (void)fputs("        esac\n        return\n    fi\n", out);
}

static void bash(FILE *out)
{
    (void)fputs(bash_helpers, out);
    bash_values(out);
    (void)fputs(bash_join, out);
    (void)fputs("    local commands=\"", out);
    command_names(out);
    (void)fputs("\"\n    if [[ ${#w[@]} -eq 2 ]]; then _qx_reply \"$commands\" \"$cur\"; return; fi\n", out);
    bash_scan(out);
    (void)fputs("    if [[ $cur == --*=* ]]; then\n"
                "        _qx_value \"${cur%%=*}\" \"${cur#*=}\" \"$task\"\n"
                "        [[ $COMP_WORDBREAKS == *=* ]] || COMPREPLY=(\"${COMPREPLY[@]/#/${cur%%=*}=}\")\n"
                "        return\n"
                "    fi\n"
                "    if [[ -n $expect ]]; then _qx_value \"$expect\" \"$cur\" \"$task\"; return; fi\n",
                out);
    bash_options(out);
    (void)fputs("    case $command in\n", out);
    for (size_t i = 0; i < n_commands; i++)
        bash_words(out, &commands[i]);
    (void)fputs("    esac\n}\ncomplete -F _qx qx\n", out);
}

/* ---- zsh ---- */

static const char zsh_helpers[] =
    "_qx_names() { qx tasks --output names $_qx_master \"$@\" 2>/dev/null }\n"
    "_qx_tasks() {\n"
    "    local -a names=(${(f)\"$(_qx_names)\"})\n"
    "    compadd -- $names\n"
    "}\n"
    "_qx_jobs() {\n"
    "    local -a jobs=(${(f)\"$(qx status --output csv $_qx_master 2>/dev/null | sed 1d | cut -d, -f1)\"})\n"
    "    compadd -- $jobs\n"
    "}\n"
    "_qx_params() {\n"
    "    local -a found\n"
    "    [[ -n $_qx_task ]] || return 1\n"
    "    if compset -P 1 '*='; then\n"
    "        found=(${(f)\"$(_qx_names $_qx_task ${IPREFIX#--grid=})\"})\n"
    "        if [[ $found == @file ]]; then _files; else compadd -- $found; fi\n"
    "    else\n"
    "        found=(${(f)\"$(_qx_names $_qx_task)\"})\n"
    "        compadd -S '' -- $found\n"
    "    fi\n"
    "}\n"
    "_qx_words() { if [[ -n $_qx_task ]]; then _qx_params; else _qx_jobs; fi }\n";

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

static void zsh_option_names(FILE *out, const struct option_spec *o)
{
    const char *plus = o->arg ? "+" : "", *equals = o->arg ? "=" : "";
    if (o->repeats)
        (void)fputs("'*'", out);
    if (o->letter && !o->repeats)
        (void)fprintf(out, "'(-%c --%s)'", o->letter, o->name);
    if (o->letter)
        (void)fprintf(out, "{-%c%s,--%s%s}", o->letter, plus, o->name, equals);
    else
        (void)fprintf(out, "--%s%s", o->name, equals);
}

static void zsh_option(FILE *out, const struct command *c, enum option_id id)
{
    const struct option_spec *o = &option_specs[id];
    (void)fputs("                ", out);
    zsh_option_names(out, o);
    (void)fputs("'[", out);
    zsh_text(out, option_help(c, id));
    (void)fputc(']', out);
    if (o->arg) {
        (void)fputc(':', out);
        zsh_text(out, o->arg);
        if (!strcmp(o->complete, "FILE"))
            (void)fputs(":_files", out);
        else if (!strcmp(o->complete, "DIR"))
            (void)fputs(":_files -/", out);
        else if (!strcmp(o->complete, "TASK"))
            (void)fputs(":_qx_tasks", out);
        else if (!strcmp(o->complete, "PARAM"))
            (void)fputs(":_qx_params", out);
        else
            (void)fprintf(out, ":(%s)", o->complete);
    }
    (void)fputs("' \\\n", out);
}

static const char *zsh_words(const struct command *c)
{
    if (!strcmp(c->complete, "TASK"))
        return takes_params(c) ? "'1:task:_qx_tasks' '*:parameter:_qx_params'" : "'1:task:_qx_tasks'";
    if (!strcmp(c->complete, "JOB"))
        return takes_params(c) ? "'*:word:_qx_words'" : "'1:job:_qx_jobs'";
    if (!strcmp(c->complete, "COMMAND"))
        return "'1:command:_qx_commands'";
    if (*c->complete)
        return "'1:shell:(bash zsh fish)'";
    return "'*::'";
}

static void zsh_scan(FILE *out)
{
    (void)fputs("    local _qx_task= expect= word\n"
                "    local -a _qx_master=() plain=()\n"
                "    for word in ${words[3,CURRENT-1]}; do\n"
                "        case $expect in\n"
                "        (--master|-m) _qx_master=(--master $word) ;;\n"
                "        (--task|-t) _qx_task=$word ;;\n"
                "        esac\n"
                "        if [[ -n $expect ]]; then expect=; continue; fi\n"
                "        case $word in\n"
                "        (--master=*) _qx_master=($word) ;;\n"
                "        (--task=*) _qx_task=${word#*=} ;;\n"
                "        (",
                out);
    value_options(out, "|");
    (void)fputs(") expect=$word ;;\n"
                "        (-*) ;;\n"
                "        (*) plain+=($word) ;;\n"
                "        esac\n"
                "    done\n"
                "    [[ ${words[2]} == (",
                out);
    task_commands(out, "|");
    (void)fputs(") ]] && _qx_task=${plain[1]}\n", out);
}

static void zsh(FILE *out)
{
    (void)fputs("#compdef qx\n_qx_commands() {\n    local -a commands=(\n", out);
    for (size_t i = 0; i < n_commands; i++) {
        (void)fprintf(out, "        '%s:", commands[i].name);
        zsh_text(out, commands[i].help);
        (void)fputs("'\n", out);
    }
    (void)fputs("    )\n    _describe command commands\n}\n", out);
    (void)fputs(zsh_helpers, out);
    (void)fputs(
        "_qx() {\n    if (( CURRENT == 2 )); then _qx_commands; return; fi\n    local command=${words[2]}\n",
        out);
    zsh_scan(out);
    (void)fputs("    shift words; (( CURRENT-- ))\n    case $command in\n", out);
    for (size_t i = 0; i < n_commands; i++) {
        (void)fprintf(out, "        %s)\n            _arguments \\\n", commands[i].name);
        for (int k = 0; k < OPT_COUNT; k++)
            if (commands[i].options & OPT_BIT(k))
                zsh_option(out, &commands[i], (enum option_id)k);
        (void)fprintf(out, "                %s ;;\n", zsh_words(&commands[i]));
    }
    (void)fputs("    esac\n}\nif [[ $funcstack[1] == _qx ]]; then _qx \"$@\"; else compdef _qx qx; fi\n",
                out);
}

/* ---- fish ---- */

static const char fish_helpers[] =
    "# Goes over the words before the cursor: \"plain\" prints those that are no options after the command, "
    "\"master\" and\n"
    "# \"task\" the values of these options.\n"
    "function __qx_words --argument-names want\n"
    "    set -l expect ''\n"
    "    for word in (commandline -opc)[3..-1]\n"
    "        if test -n \"$expect\"\n"
    "            switch $want$expect\n"
    "                case master--master master-m task--task task-t\n"
    "                    echo $word\n"
    "            end\n"
    "            set expect ''\n"
    "            continue\n"
    "        end\n"
    "        switch $word\n"
    "            case '--*=*'\n"
    "                string match -q -- \"--$want=*\" $word; and string replace -r -- '^[^=]*=' '' $word\n"
    "            case ";

static const char fish_more[] =
    "                set expect $word\n"
    "            case '-*'\n"
    "            case '*'\n"
    "                test $want = plain; and echo $word\n"
    "        end\n"
    "    end\n"
    "end\n"
    "function __qx_master\n"
    "    set -l master (__qx_words master)\n"
    "    set -q master[1]; and printf '%s\\n' --master $master[-1]\n"
    "end\n"
    "function __qx_names\n"
    "    qx tasks --output names (__qx_master) $argv 2>/dev/null\n"
    "end\n"
    "function __qx_jobs\n"
    "    qx status --output csv (__qx_master) 2>/dev/null | sed 1d | cut -d, -f1\n"
    "end\n"
    "function __qx_no_word\n"
    "    test (count (__qx_words plain)) -eq 0\n"
    "end\n"
    "function __qx_task\n"
    "    set -l task (__qx_words task) (__qx_words plain)\n"
    "    set -q task[1]; and echo $task[1]\n"
    "end\n"
    "# A parameter of a task: its name, and after the = its values.\n"
    "function __qx_params\n"
    "    set -l task (__qx_task)\n"
    "    set -l word (commandline -ct | string replace -r -- '^--grid=' '')\n"
    "    if not string match -q '*=*' -- $word\n"
    "        __qx_names $task\n"
    "        return\n"
    "    end\n"
    "    set -l parts (string split -m1 = -- $word)\n"
    "    set -l values (__qx_names $task $parts[1]=)\n"
    "    if test \"$values\" = @file\n"
    "        set values (__fish_complete_path $parts[2])\n"
    "    end\n"
    "    for value in $values\n"
    "        echo $parts[1]=$value\n"
    "    end\n"
    "end\n";

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

static void fish_option(FILE *out, const struct command *c, enum option_id id)
{
    const struct option_spec *o = &option_specs[id];
    (void)fprintf(out, "complete -c qx -n '__fish_seen_subcommand_from %s' -l %s", c->name, o->name);
    if (o->letter)
        (void)fprintf(out, " -s %c", o->letter);
    if (o->arg)
        (void)fputs(!strcmp(o->complete, "FILE") ? " -rF" : " -x", out);
    if (!strcmp(o->complete, "DIR"))
        (void)fputs(" -a '(__fish_complete_directories)'", out);
    else if (!strcmp(o->complete, "TASK"))
        (void)fputs(" -a '(__qx_names)'", out);
    else if (!strcmp(o->complete, "PARAM"))
        (void)fputs(" -a '(__qx_params)'", out);
    else if (*o->complete && strcmp(o->complete, "FILE"))
        (void)fprintf(out, " -a '%s'", o->complete);
    (void)fputs(" -d ", out);
    fish_text(out, option_help(c, id));
    (void)fputc('\n', out);
}

static void fish_line(FILE *out, const struct command *c, const char *when, const char *what)
{
    (void)fprintf(out, "complete -c qx -n '__fish_seen_subcommand_from %s; and %s' -a '%s'\n", c->name, when,
                  what);
}

static void fish_words(FILE *out, const struct command *c)
{
    const char *first = c->complete;
    if (!*first)
        return;
    if (!strcmp(first, "TASK")) {
        if (takes_params(c))
            fish_line(out, c, "not __qx_no_word", "(__qx_params)");
        first = "(__qx_names)";
    } else if (!strcmp(first, "JOB")) {
        if (takes_params(c))
            fish_line(out, c, "test -n \"$(__qx_words task)\"", "(__qx_params)");
        first = "(__qx_jobs)";
    } else if (!strcmp(first, "COMMAND")) {
        first = "(__qx_commands)";
    }
    fish_line(out, c, "__qx_no_word", first);
}

static void fish(FILE *out)
{
    (void)fputs("# fish completion for qx\nfunction __qx_commands\n    printf '%s\\n' ", out);
    command_names(out);
    (void)fputs("\nend\n", out);
    (void)fputs(fish_helpers, out);
    value_options(out, " ");
    (void)fputc('\n', out);
    (void)fputs(fish_more, out);
    (void)fputs("complete -c qx -f\n", out);
    for (size_t i = 0; i < n_commands; i++) {
        (void)fprintf(out, "complete -c qx -n __fish_use_subcommand -a %s -d ", commands[i].name);
        fish_text(out, commands[i].help);
        (void)fputc('\n', out);
        for (int k = 0; k < OPT_COUNT; k++)
            if (commands[i].options & OPT_BIT(k))
                fish_option(out, &commands[i], (enum option_id)k);
        fish_words(out, &commands[i]);
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
