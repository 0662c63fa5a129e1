//! kcc as a library: what `main` runs, so that tests can reach it.
