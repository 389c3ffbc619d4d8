# Data sets a second, for the power of Student's t test with two groups of 20, by replicate(): t.test(), and the test by hand.
# usage: Rscript bench/R/power.R REPLICATES
source(file.path(Sys.getenv("QX_BENCH_R"), "common.R"))
m <- as.integer(args[1])
n <- 20
limit <- qt(0.975, 2 * n - 2)
test <- function() t.test(rnorm(n, 1), rnorm(n), var.equal = TRUE)$p.value <= 0.05
by_hand <- function() {
    a <- rnorm(n, 1)
    b <- rnorm(n)
    abs(mean(a) - mean(b)) >= limit * sqrt((var(a) + var(b)) / n)
}
set.seed(1)
answer(t_test = m / took(mean(replicate(m, test()))), by_hand = 10 * m / took(mean(replicate(10 * m, by_hand()))))
