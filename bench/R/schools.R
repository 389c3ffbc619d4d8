# Four chains of eight schools, 1000 + 1000 iterations: the smallest bulk ESS of mu, tau, theta[1..8] by `posterior`, and seconds.
# Compiling a model is not in them. usage: Rscript bench/R/schools.R WHAT ...
#   compile FILE            makes the model of `stan`, in a minute
#   stan FILE SEED          rstan, not centred; its own timing of the chains
#   jags FORM SEED          rjags
#   walk PACKAGE SEED       random walks: mcmc, MCMCpack, LearnBayes
#   ess DIR                 of qx run mcmc --save DIR
source(file.path(Sys.getenv("QX_BENCH_R"), "common.R"))
need("posterior")
y <- c(28, 8, -3, 7, -1, 1, 18, 12)
se <- c(15, 10, 16, 11, 9, 11, 10, 18)
chains <- 4
draws <- 1000

# mu and tau: draws x chains; theta: a list of such. The mean of tau shows whether it was the same posterior.
tell <- function(mu, tau, theta, warmup_s, draws_s) {
    answer(ess = min(sapply(c(list(mu, tau), theta), posterior::ess_bulk)), mean_tau = mean(tau),
           warmup_s = warmup_s, draws_s = draws_s)
}

stan_code <- "
data { int J; vector[J] y; vector[J] se; }
parameters { real mu; real<lower=0> tau; vector[J] e; }
transformed parameters { vector[J] theta = mu + tau * e; }
model { mu ~ normal(0, 5); tau ~ cauchy(0, 5); e ~ std_normal(); y ~ normal(theta, se); }"

compile <- function(file) {
    flags <- tempfile()
    writeLines("CXX14FLAGS = -O3 -w", flags)
    Sys.setenv(R_MAKEVARS_USER = flags)
    if (rstan::rstan_options("boost_lib") == "") # Debian has no second copy of it
        rstan::rstan_options(boost_lib = "/usr/include")
    saveRDS(rstan::stan_model(model_code = stan_code, model_name = "schools", save_dso = TRUE), file)
    answer(done = 1)
}

stan <- function(file, seed) {
    f <- rstan::sampling(readRDS(file), list(J = 8, y = y, se = se), chains = chains, cores = 1, iter = 2 * draws,
                         warmup = draws, seed = seed, refresh = 0)
    d <- as.array(f)
    s <- colSums(rstan::get_elapsed_time(f))
    tell(d[, , "mu"], d[, , "tau"], lapply(1:8, function(j) d[, , sprintf("theta[%d]", j)]), s[[1]], s[[2]])
}

# expanded: the redundant parametrisation of Gelman (2006), which makes every conditional a known law; marginal: theta
# integrated out by hand, and drawn from its conditional.
jags_forms <- c(
    centred = "theta[j] ~ dnorm(mu, 1 / tau^2)
        y[j] ~ dnorm(theta[j], 1 / se[j]^2)
      }
      tau ~ dt(0, 1 / 25, 1) T(0, )",
    noncentred = "e[j] ~ dnorm(0, 1)
        theta[j] <- mu + tau * e[j]
        y[j] ~ dnorm(theta[j], 1 / se[j]^2)
      }
      tau ~ dt(0, 1 / 25, 1) T(0, )",
    expanded = "e[j] ~ dnorm(0, q)
        theta[j] <- mu + a * e[j]
        y[j] ~ dnorm(theta[j], 1 / se[j]^2)
      }
      a ~ dnorm(0, 1 / 25)
      q ~ dgamma(0.5, 0.5)
      tau <- abs(a) / sqrt(q)",
    marginal = "v[j] <- se[j]^2 + tau^2
        y[j] ~ dnorm(mu, 1 / v[j])
        theta[j] ~ dnorm((y[j] * tau^2 + mu * se[j]^2) / v[j], v[j] / (tau^2 * se[j]^2))
      }
      tau ~ dt(0, 1 / 25, 1) T(0, )")

jags <- function(form, seed) {
    text <- paste("model {\n for (j in 1:8) {", jags_forms[[form]], "mu ~ dnorm(0, 1 / 25)\n}", sep = "\n")
    start <- lapply(1:chains, function(c) list(.RNG.name = "base::Mersenne-Twister", .RNG.seed = seed * chains + c))
    m <- rjags::jags.model(textConnection(text), list(y = y, se = se), start, chains, n.adapt = 0, quiet = TRUE)
    warmup_s <- took({
        before <- m$iter()
        rjags::adapt(m, draws, end.adaptation = TRUE, progress.bar = "none")
        if (m$iter() < before + draws) # nothing adapts in this model
            update(m, draws, progress.bar = "none")
    })
    draws_s <- took(d <- rjags::jags.samples(m, c("mu", "tau", "theta"), draws, progress.bar = "none"))
    list(d$mu[1, , ], d$tau[1, , ], lapply(1:8, function(j) d$theta[j, , ]), warmup_s, draws_s)
}

# In two dimensions, theta integrated out: (mu, log tau), proposals of 2.4/sqrt(2) posterior standard deviations.
log_density <- function(q) {
    t2 <- exp(2 * q[2])
    v <- se * se + t2
    r <- y - q[1]
    -0.5 * sum(r * r / v + log(v)) - q[1] * q[1] / 50 - log1p(t2 / 25) + q[2]
}

# Each gives draws and seconds. metrop's are its own, without the garbage collection before its clock.
walks <- list(
    mcmc = function(n, from) {
        m <- mcmc::metrop(log_density, from, n, scale = c(5.7, 1.9))
        list(m$batch, m$time[["elapsed"]])
    },
    MCMCpack = function(n, from) {
        v <- diag(c(5.7, 1.9)^2)
        s <- took(d <- MCMCpack::MCMCmetrop1R(log_density, from, burnin = 0, mcmc = n, tune = 1, V = v))
        list(d, s)
    },
    LearnBayes = function(n, from) {
        proposal <- list(var = diag(c(5.7, 1.9)^2), scale = 1)
        s <- took(d <- LearnBayes::rwmetrop(function(q, data) log_density(q), proposal, from, n, NULL)$par)
        list(d, s)
    })

random_walk <- function(package, seed) {
    walk <- walks[[package]]
    set.seed(seed)
    utils::capture.output(suppressMessages({
        warmup <- lapply(1:chains, function(c) walk(draws, c(4, 1)))
        d <- lapply(warmup, function(w) walk(draws, as.numeric(w[[1]][draws, ])))
    }))
    mu <- sapply(d, function(w) w[[1]][, 1])
    conditional_s <- took({
        tau <- exp(sapply(d, function(w) w[[1]][, 2]))
        theta <- lapply(1:8, function(j) {
            v <- se[j]^2 + tau^2
            (y[j] * tau^2 + mu * se[j]^2) / v + sqrt(tau^2 * se[j]^2 / v) * rnorm(length(mu))
        })
    })
    seconds <- function(walked) sum(sapply(walked, function(w) w[[2]]))
    list(mu, tau, theta, seconds(warmup), seconds(d) + conditional_s)
}

ess <- function(dir) {
    d <- lapply(file.path(dir, sprintf("chain_%d.csv", 1:chains)), read.csv, comment.char = "#")
    column <- function(name) sapply(d, function(x) x[[name]])
    tell(column("mu"), column("tau"), lapply(1:8, function(j) column(sprintf("theta.%d", j))), NaN, NaN)
}

# The second of two runs: in the first, R compiles functions.
second <- function(run) {
    run(args[2], 0)
    do.call(tell, run(args[2], as.integer(args[3])))
}

switch(args[1],
       compile = { need("rstan"); compile(args[2]) },
       stan = { need("rstan"); stan(args[2], as.integer(args[3])) },
       jags = { need("rjags"); second(jags) },
       walk = { need(args[2]); second(random_walk) },
       ess = ess(args[2]))
