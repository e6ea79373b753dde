// Not included by apply: it may do I/O.
#include <rocksdb/db.h>

#include <fstream>
#include <thread>
