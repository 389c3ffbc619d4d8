# Seconds that a straight line through each group of a CSV file takes: columns g, x, y; read_s is read.csv.
# lm_s: estimates alone; lm_summary_s: with standard errors, t and p, as one table; lmlist_s: nlme's, with its summary.
# lm_summary_cpu_s: processor time of that. usage: Rscript bench/R/fit.R FILE
source(file.path(Sys.getenv("QX_BENCH_R"), "common.R"))
need("nlme")
read_s <- took(d <- read.csv(args[1]))
by_group <- function(f) lapply(split(d, d$g), f)
lm_s <- took(do.call(rbind, by_group(function(s) coef(lm(y ~ x, s)))))
before <- proc.time()
lm_summary_s <- took(do.call(rbind, by_group(function(s) coef(summary(lm(y ~ x, s))))))
cpu <- proc.time() - before
answer(read_s = read_s, lm_s = lm_s, lm_summary_s = lm_summary_s, lm_summary_cpu_s = cpu[["user.self"]] + cpu[["sys.self"]],
       lmlist_s = took(summary(nlme::lmList(y ~ x | g, d))))
