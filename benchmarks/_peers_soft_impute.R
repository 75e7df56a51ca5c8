# softImpute of R by alternating least squares, for _peers_programs.py. Arguments: folder, rows,
# columns, largest rank, lambda, iterations. Ratings are centred by rows and columns, tables are not.

suppressPackageStartupMessages(library(softImpute))

given <- commandArgs(trailingOnly = TRUE)
folder <- given[1]
numbers <- as.numeric(given[2:6])
n <- numbers[1]
m <- numbers[2]

read <- function(name, what, size) {
  readBin(file.path(folder, name), what, size)
}

memory <- function(field) {
  lines <- tryCatch(readLines("/proc/self/status"), error = function(e) "")
  found <- grep(paste0("^", field), lines, value = TRUE)
  if (length(found)) as.numeric(gsub("[^0-9]", "", found)) * 1024 / 1e6 else NA
}

is_table <- file.exists(file.path(folder, "x"))
if (is_table) {
  x <- matrix(read("x", "double", n * m), n, m)
} else {
  size <- file.size(file.path(folder, "rows")) / 4
  x <- Incomplete(
    read("rows", "integer", size), read("cols", "integer", size), read("values", "double", size)
  )
}

# The first call loads code, which is no part of a fit.
small <- matrix(c(1, 2, NA, 4, 5, 6, 7, 9, 8), 3)
invisible(softImpute(small, rank.max = 1, lambda = 1, type = "als", maxit = 2))

invisible(gc())
before <- memory("VmRSS")
earlier <- memory("VmHWM")
try(writeLines("5", "/proc/self/clear_refs"), silent = TRUE)
times <- system.time({
  if (!is_table) x <- biScale(x, row.scale = FALSE, col.scale = FALSE)
  fit <- softImpute(
    x, rank.max = numbers[3], lambda = numbers[4], type = "als", thresh = 0, maxit = numbers[5]
  )
})
peak <- memory("VmHWM")

write <- function(values, name) {
  writeBin(as.double(values), file.path(folder, name))
}
offset <- function(name, size) {
  found <- attr(x, name)
  if (is.null(found)) numeric(size) else found$center
}
# One component is a vector, which has to stay a matrix of one column.
u <- matrix(fit$u, n)
write(u * rep(fit$d, each = n), "u")
write(matrix(fit$v, m), "v")
write(offset("biScale:row", n), "row")
write(offset("biScale:column", m), "column")
number <- function(x) if (is.na(x)) "null" else format(x, digits = 10)
cat(sprintf(
  '{"cpu": %s, "wall": %s, "added": %s, "peak": %s}\n',
  number(sum(times[c("user.self", "sys.self", "user.child", "sys.child")])),
  number(times[["elapsed"]]), number(peak - before), number(max(peak, earlier))
))
