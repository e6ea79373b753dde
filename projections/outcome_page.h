// A page of outcomes as it is stored: those of one batch that follow each other, one value for many, because a put
// costs more than its bytes.
//
// Bytes of its own instead of FlatBuffers: every command leaves an outcome, next to none is ever read. For each in
// turn, numbers as LEB128 (7 bits a byte, the lowest first): offset less that of the one before it (of the page's
// first: itself), sequence, generation, restart_epoch, outcome, code; 16 bytes of fingerprint; then tenant, source and
// message, each as its length plus one and its bytes, or as 0: what the one before it has; id and service, each as its
// length and its bytes. Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "projections/outcome.h"

namespace solo::projections {

class OutcomePageWriter {
 public:
  /// Its texts are copied.
  void add(const NewOutcome& outcome);
  /// The page so far, which can be read.
  std::string_view bytes() const { return bytes_; }
  std::size_t count() const { return count_; }
  void clear();

 private:
  void put_text(std::string& last, std::string_view text);

  std::string bytes_;
  std::size_t count_ = 0;
  std::int64_t last_offset_ = 0;
  // As in the outcome before: most outcomes of a page have them in common.
  std::string tenant_;
  std::string source_;
  std::string message_;
};

/// Calls `each` for every outcome of the page; its texts are the page's. false: the page is damaged.
bool read_outcome_page(std::string_view page, const std::function<void(const NewOutcome&)>& each);

}  // namespace solo::projections
