#include <sqlite3.h>

// Swift cannot call what takes a variable number of arguments.
static inline int mlrepo_sqlite_configure(sqlite3 *database, int option, int value) {
    return sqlite3_db_config(database, option, value, (int *)0);
}

// SQLITE_TRANSIENT is a cast that Swift does not import: SQLite makes a copy before this returns.
static inline int mlrepo_sqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 count) {
    return sqlite3_bind_blob64(statement, index, bytes, count, SQLITE_TRANSIENT);
}
