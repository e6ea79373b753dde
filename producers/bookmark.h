// Where a list of several partitions goes on: `PARTITION/KEY`, KEY as the partition's view gave it. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "schemas/result.h"

namespace solo::producers {

struct Bookmark {
  std::int32_t partition = 0;
  std::string from;
};

std::string to_string(const Bookmark& mark);

/// Empty: the beginning. invalid_argument: it is not from a former answer.
schemas::Result<Bookmark> parse_bookmark(const std::string& text, std::int32_t partitions);

}  // namespace solo::producers
