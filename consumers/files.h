// Whole files, read and replaced safely.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>

#include "schemas/result.h"

namespace solo::consumers {

/// A regular file's content, at most its first `limit` bytes. not_found; permission_denied; unavailable: it is no
/// regular file or cannot be read.
schemas::Result<std::string> read_file(const std::filesystem::path& path,
                                       std::size_t limit = std::numeric_limits<std::size_t>::max());

/// Replaces the file as a whole: written beside it, synced, renamed, and the directory synced. After a crash it is the
/// old or the new one. resource_exhausted: no space.
schemas::Result<void> write_file(const std::filesystem::path& path, std::string_view content, mode_t mode);

/// Makes a file or directory survive a crash of the machine.
schemas::Result<void> sync_path(const std::filesystem::path& path);

}  // namespace solo::consumers
