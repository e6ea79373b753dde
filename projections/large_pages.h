// Memory for large tables that are looked into here and there: on the kernel's large pages where it gives them, so that
// a look costs one miss and not two. Internal to projections.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace solo::projections {

/// An allocator; small requests are as ever.
template <class T>
struct LargePages {
  using value_type = T;
  static constexpr std::size_t kPage = std::size_t{2} << 20U;

  LargePages() = default;
  template <class Other>
  LargePages(const LargePages<Other>&) {}

  static constexpr bool is_large(std::size_t count) { return count * sizeof(T) >= kPage; }

  T* allocate(std::size_t count) {
    if (!is_large(count)) return static_cast<T*>(::operator new(count * sizeof(T)));
    void* memory = ::operator new(count * sizeof(T), std::align_val_t(kPage));
    // Only a wish: without it everything works as well.
    madvise(memory, count * sizeof(T), MADV_HUGEPAGE);
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t count) {
    if (!is_large(count)) return ::operator delete(memory);
    ::operator delete(memory, std::align_val_t(kPage));
  }
  template <class Other>
  bool operator==(const LargePages<Other>&) const {
    return true;
  }
};

}  // namespace solo::projections
