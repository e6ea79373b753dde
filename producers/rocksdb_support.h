// RocksDB's statuses and log lines in Solo's terms. Heavy: include it from .cc files.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/status.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "schemas/result.h"

namespace solo::producers {

/// `context` says what could not be done. data_loss for damage and missing files, resource_exhausted for a full disk,
/// failed_precondition for a lock that another holds, permission_denied; internal for the rest.
schemas::Error to_error(const rocksdb::Status& status, std::string_view context);

/// data_loss: no record at this offset.
schemas::Error missing_error(std::int64_t offset);
/// data_loss when the bytes are damaged or gone; else what RocksDB says.
schemas::Error unreadable_error(std::int64_t offset, const rocksdb::Status& status);

/// Passes RocksDB's warnings and errors on to the program's log, instead of files of its own.
std::shared_ptr<rocksdb::Logger> rocksdb_logger(std::string_view name);

}  // namespace solo::producers
