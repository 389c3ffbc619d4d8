# Resamples a second by R's boot: a mean and a correlation of the columns x, y of a CSV file.
# usage: Rscript bench/R/boot.R FILE R
source(file.path(Sys.getenv("QX_BENCH_R"), "common.R"))
need("boot")
d <- as.matrix(read.csv(args[1]))
n <- as.integer(args[2])
rate <- function(...) n / took(boot::boot(R = n, ...))
answer(mean = rate(d[, 1], function(x, i) mean(x[i])), cor = rate(d, function(x, i) cor(x[i, 1], x[i, 2])))
