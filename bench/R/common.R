# What the rivals share: arguments, packages with the name of what to install, the clock, one JSON object as output.
args <- commandArgs(TRUE)

need <- function(...) {
    for (name in c(...)) {
        if (!suppressMessages(requireNamespace(name, quietly = TRUE))) {
            message("needs r-cran-", tolower(name), ": scripts/setup bench")
            quit(status = 1)
        }
    }
}

# Seconds that an expression takes.
took <- function(expr) {
    start <- Sys.time()
    force(expr)
    as.numeric(Sys.time() - start, units = "secs")
}

answer <- function(...) {
    x <- c(...)
    cat("{", paste0('"', names(x), '": ', format(x, digits = 17), collapse = ", "), "}\n", sep = "")
}
