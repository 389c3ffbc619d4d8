# Arrangements a second by loops in base R: two samples, the columns g, y of a CSV file.
# mean and t are what one writes first; the others know that the sums of one sample give those of the other.
# usage: Rscript bench/R/perm.R FILE ARRANGEMENTS
source(file.path(Sys.getenv("QX_BENCH_R"), "common.R"))
d <- read.csv(args[1])
m <- as.integer(args[2])
y <- d$y
n <- length(y)
n1 <- sum(d$g == d$g[1])
n2 <- n - n1
total <- sum(y)
squares <- y * y
total_squares <- sum(squares)

one <- list(
    mean = function(k) {
        i <- sample.int(n, n1)
        mean(y[i]) - mean(y[-i])
    },
    mean_sums = function(k) {
        s <- sum(y[sample.int(n, n1)])
        s / n1 - (total - s) / n2
    },
    t = function(k) {
        i <- sample.int(n, n1)
        a <- y[i]
        b <- y[-i]
        (mean(a) - mean(b)) / sqrt(var(a) / n1 + var(b) / n2)
    },
    t_sums = function(k) {
        i <- sample.int(n, n1)
        s1 <- sum(y[i])
        q1 <- sum(squares[i])
        s2 <- total - s1
        q2 <- total_squares - q1
        (s1 / n1 - s2 / n2) / sqrt((q1 - s1 * s1 / n1) / ((n1 - 1) * n1) + (q2 - s2 * s2 / n2) / ((n2 - 1) * n2))
    })

set.seed(1)
answer(sapply(one, function(f) m / took(vapply(seq_len(m), f, 0))))
