#include "tests/unit/control_samples.h"

#include <math.h>
#include <string.h>

static struct param params[] = {{"expr", "exp(-x*y)"}, {"over", "x=0:1,y=0:1"}, {"note", ""}};
static struct param cell_params[] = {{"n", "20"}, {"n", "30"}};
static struct param files[] = {{"blob:00", "law = \"old\".csv"}};
static struct job_cell cells[] = {{1, &cell_params[0]}, {1, &cell_params[1]}, {0, NULL}};

static struct job_spec spec = {.task = "mc.integrate",
                               .version = "1.0",
                               .n_params = 3,
                               .n_cells = 3,
                               .params = params,
                               .cells = cells,
                               .n_items = 100000000,
                               .seed = 0xFEDCBA9876543210,
                               .until = "se<1e-4",
                               .chunk_items = 17,
                               .priority = -5,
                               .attempts_max = 4,
                               .item_timeout_ms = 60000,
                               .item_bytes_max = 4096,
                               .rows = true,
                               .detached = true,
                               .label = "naïve, two\nlines",
                               .n_files = 1,
                               .files = files,
                               .layout = {2, 14}};

static char *choices[] = {"plain", "antithetic"};
static struct param_decl declared_params[] = {
    {.name = "method",
     .fallback = "plain",
     .help = "how",
     .type = QX_PARAM_CHOICE,
     .choices = choices,
     .n_choices = 2},
    {.name = "expr", .fallback = NULL, .help = "what", .type = QX_PARAM_TEXT},
    {.name = "level",
     .fallback = "",
     .help = "of the interval",
     .type = QX_PARAM_REAL,
     .min = 0.5,
     .max = 0.999}};
static struct task_decl decls[] = {{.name = "mc.integrate",
                                    .version = "1.0",
                                    .help = "integral over a box",
                                    .details = "qx run mc.integrate expr=x",
                                    .params = declared_params,
                                    .n_params = 3,
                                    .flags = 1,
                                    .layout = {2, 14},
                                    .default_items = 1000,
                                    .items_from = NULL,
                                    .has_finish = true,
                                    .opaque = false},
                                   {.name = "sleep",
                                    .version = "1.1",
                                    .help = "sleeps",
                                    .details = "",
                                    .layout = {1, 0},
                                    .items_from = "times",
                                    .opaque = true}};

static const struct job_info info = {.job = 0x1122334455667788,
                                     .state = JOB_STATE_RUNNING,
                                     .task = "mc.integrate",
                                     .version = "1.0",
                                     .label = "two",
                                     .error = "none",
                                     .error_code = QX_ERR_TASK,
                                     .seed = 7,
                                     .n_items = 1000,
                                     .submitted_unix_ms = 1,
                                     .elapsed_ns = 2,
                                     .n_cells = 3,
                                     .cells_done = 1,
                                     .slots = 8,
                                     .items_done = 4,
                                     .items_failed = 5,
                                     .items_total = 6,
                                     .first_lease_ns = 7,
                                     .last_result_ns = 8,
                                     .wait_ns = 9,
                                     .transfer_ns = 10,
                                     .task_ns = 11,
                                     .reduce_ns = 12,
                                     .busy_ns = 13,
                                     .sink_ns = 14,
                                     .leases = 15,
                                     .leases_failed = 16,
                                     .estimate = -1.5,
                                     .se = NAN,
                                     .target = INFINITY,
                                     .estimate_cell = 2,
                                     .waiting = "no worker has task x 1.0",
                                     .until = "width<0.02",
                                     .measure = 0.25,
                                     .n_params = 3,
                                     .params = params};
static struct job_info infos[2];

static struct cell_answer answers[] = {
    {.n_items = 100,
     .n_failed = 3,
     .complete = true,
     .digest = "0123456789abcdef0123456789abcdef",
     .result_json = "{\"mean\":1.5}",
     .failures_json = "{\"count\":3}"},
    {.n_items = 50, .stopped = true, .result_json = "{}", .failures_json = "{}"}};

static struct worker_info workers[] = {{.session = 1ull << 63,
                                        .name = "w1",
                                        .host = "node7",
                                        .slots = 4,
                                        .leases = 9,
                                        .pid = 77,
                                        .items_done = 1,
                                        .busy_ns = 2,
                                        .connected_ms = 3,
                                        .silent_ms = 4,
                                        .leases_failed = 5,
                                        .draining = true,
                                        .n_tasks = 6},
                                       {.name = "", .host = ""}};

static uint64_t ids[] = {1, UINT64_MAX, 0, 1ull << 40};
static const uint8_t data[] = {0, 1, 2, 255, 0, 7};
static char *columns[] = {"theta", "se"};
static const double values[] = {1.5, -0.0, NAN, 4e300, -INFINITY, 6};
static const uint8_t outcomes[] = {QX_OUTCOME_OK, QX_OUTCOME_ERROR, QX_OUTCOME_BUDGET};

static struct blob_ref blob(void)
{
    struct blob_ref ref = {.len_bytes = 300000};
    for (int i = 0; i < BLOB_HASH_BYTES; i++)
        ref.hash[i] = (uint8_t)(i * 7);
    return ref;
}

static void fill_worker_side(struct control *c)
{
    switch (c->type) {
    case CONTROL_HELLO:
        c->u.hello = (typeof(c->u.hello)){.version = QX_PROTO_VERSION,
                                          .name = "w1",
                                          .host = "node7",
                                          .uuid = 1ull << 60,
                                          .old_session = 9,
                                          .slots = 4,
                                          .pid = 77,
                                          .n_tasks = 2,
                                          .tasks = decls};
        break;
    case CONTROL_BEAT:
        c->u.beat =
            (typeof(c->u.beat)){.session = 8, .lane_seq = 9, .n_held = 4, .held = ids, .resync = true};
        break;
    case CONTROL_BLOB_GET:
        c->u.blob_get.session = 8;
        c->u.blob_get.offset = 262144;
        memcpy(c->u.blob_get.hash, blob().hash, BLOB_HASH_BYTES);
        break;
    case CONTROL_BYE:
        c->u.bye.session = 8;
        break;
    case CONTROL_WELCOME:
        c->u.welcome = (typeof(c->u.welcome)){.session = 8,
                                              .lane = "+12",
                                              .sink = "+1",
                                              .beat_ms = 500,
                                              .silent_ms = 10000,
                                              .version = QX_PROTO_VERSION};
        break;
    case CONTROL_ACK:
        c->u.ack = (typeof(c->u.ack)){.upto = 5, .n_extra = 4, .extra = ids};
        break;
    case CONTROL_BEAT_BACK:
        c->u.beat_back.lane_seq = 44;
        break;
    case CONTROL_BLOB_PART:
        c->u.blob_part = (typeof(c->u.blob_part)){blob(), 262144, data, sizeof data, false};
        break;
    default:
        break;
    }
}

static void fill_requests(struct control *c)
{
    switch (c->type) {
    case CONTROL_SUBMIT:
        c->u.submit = (typeof(c->u.submit)){.token = 1ull << 61, .spec = spec, .watch = true};
        break;
    case CONTROL_WATCH:
        c->u.watch = (typeof(c->u.watch)){.job = 3, .every_ms = 250};
        break;
    case CONTROL_CANCEL:
        c->u.cancel.job = 3;
        break;
    case CONTROL_EXTEND:
        c->u.extend = (typeof(c->u.extend)){.job = 3, .n_items = 1ull << 62};
        break;
    case CONTROL_JOBS:
        c->u.jobs.job = 3;
        break;
    case CONTROL_RESULT:
        c->u.result = (typeof(c->u.result)){.job = 3, .partial = true};
        break;
    case CONTROL_TASKS:
        c->u.tasks.name = "pi";
        break;
    case CONTROL_BLOB_PUT:
        c->u.blob_put = (typeof(c->u.blob_put)){blob(), 300000 - sizeof data, data, sizeof data};
        break;
    case CONTROL_ROWS_TAKEN:
        c->u.rows_taken = (typeof(c->u.rows_taken)){.job = 3, .bytes = 4096};
        break;
    default:
        break;
    }
}

static void fill_replies(struct control *c)
{
    infos[0] = infos[1] = info;
    infos[1].state = JOB_STATE_FAILED;
    switch (c->type) {
    case CONTROL_SUBMITTED:
        c->u.submitted = (typeof(c->u.submitted)){.job = 3, .seed = 7, .n_items = 1000, .version = "1.0"};
        break;
    case CONTROL_PROGRESS:
        c->u.progress = info;
        break;
    case CONTROL_ROWS:
        c->u.rows = (typeof(c->u.rows)){.job = 3,
                                        .first_item = 40,
                                        .cell = 2,
                                        .n_items = 3,
                                        .n_columns = 2,
                                        .columns = columns,
                                        .n_names = 2,
                                        .values = values,
                                        .ok = outcomes};
        break;
    case CONTROL_JOB_LIST:
        c->u.job_list = (typeof(c->u.job_list)){.n = 2, .jobs = infos};
        break;
    case CONTROL_ANSWER:
        c->u.answer = (typeof(c->u.answer)){.info = info,
                                            .spec = spec,
                                            .n_cells = 2,
                                            .cells = answers,
                                            .digest = "ffffffffffffffff0000000000000000"};
        break;
    case CONTROL_TASK_LIST:
        c->u.task_list = (typeof(c->u.task_list)){.n = 2, .tasks = decls};
        break;
    case CONTROL_WORKER_LIST:
        c->u.worker_list = (typeof(c->u.worker_list)){.n = 2, .workers = workers};
        break;
    case CONTROL_BLOB_STATE:
        c->u.blob_state = (typeof(c->u.blob_state)){.ref = blob(), .have_bytes = 262144, .complete = true};
        break;
    case CONTROL_PONG:
        c->u.pong = (typeof(c->u.pong)){.version = QX_PROTO_VERSION,
                                        .workers = 3,
                                        .slots = 12,
                                        .release = "0.1.0",
                                        .uptime_ms = 99,
                                        .tasks = 6};
        break;
    case CONTROL_ERROR:
        c->u.error = (typeof(c->u.error)){.code = QX_ERR_INVALID, .text = "n of 0"};
        break;
    default:
        break;
    }
}

struct control control_sample(enum control_type type)
{
    struct control c = {.type = type, .tag = 0xABCD000000000001};
    fill_worker_side(&c);
    fill_requests(&c);
    fill_replies(&c);
    return c;
}

const struct job_spec *job_spec_sample(void)
{
    return &spec;
}
