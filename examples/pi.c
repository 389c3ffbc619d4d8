/* pi.c - three jobs on a farm, printed in the order in which they end.
 *
 *     cc pi.c $(pkg-config --cflags --libs quincunx) -o pi && ./pi
 *
 * With QX_MASTER=tcp://host:5550 it uses the farm there, else one of its own on this machine. */
#include <quincunx/client.h>
#include <stdio.h>

static int fail(const struct qx_error *err)
{
    fprintf(stderr, "pi: %s\n", err->text);
    return 1;
}

int main(void)
{
    struct qx_client *client;
    struct qx_future *jobs[3] = {NULL}, *f;
    struct qx_error err;
    int status = 0;

    if (qx_client_open(NULL, NULL, &client, &err) != QX_ERR_OK)
        return fail(&err);
    for (int i = 0; i < 3 && !status; i++) {
        struct qx_job_options job = {.task = "pi", .n_items = 100000u << i, .seed = 7, .has_seed = true};
        if (qx_client_submit(client, &job, &jobs[i], &err) != QX_ERR_OK)
            status = fail(&err);
    }
    while (!status) {
        const struct qx_result *answer;
        qx_err e = qx_as_completed(jobs, 3, 60000, &f, &err);
        if (e == QX_ERR_OK && !f)
            break; /* all have been given */
        if (e == QX_ERR_OK)
            e = qx_future_get(f, 0, &answer, &err);
        if (e != QX_ERR_OK)
            status = fail(&err);
        else
            printf("%llu darts: %s\n", (unsigned long long)answer->cells[0].n_items,
                   answer->cells[0].result_json);
    }
    for (int i = 0; i < 3; i++)
        qx_future_free(jobs[i]);
    qx_client_close(client);
    return status;
}
