# Resamples a second by R's boot: a mean and a correlation of the columns x, y of a CSV file.
# usage: Rscript boot.R FILE R
suppressMessages(library(boot))
args <- commandArgs(TRUE)
d <- as.matrix(read.csv(args[1]))
n <- as.integer(args[2])
rate <- function(...) n / system.time(boot(R = n, ...))[["elapsed"]]
cat(sprintf('{"mean": %.17g, "cor": %.17g}\n', rate(d[, 1], function(x, i) mean(x[i])),
            rate(d, function(x, i) cor(x[i, 1], x[i, 2]))))
