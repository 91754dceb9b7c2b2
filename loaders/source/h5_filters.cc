#include <algorithm>

#include "loaders/source/h5_data.h"

namespace thaw::h5 {
namespace {

enum FilterId : unsigned { kDeflate = 1, kShuffle = 2, kFletcher32 = 3 };

const char* name_of_filter(unsigned id) {
  switch (id) {
    case 4: return " (szip)";
    case 5: return " (n-bit)";
    case 6: return " (scale-offset)";
    case 32000: return " (lzf)";
    case 32001: return " (blosc)";
    case 32004: return " (lz4)";
    case 32015: return " (zstd)";
    default: return "";
  }
}

std::uint32_t fletcher32(std::span<const std::byte> data) {
  std::uint32_t sum1 = 0, sum2 = 0;
  const auto fold = [](std::uint32_t sum) { return (sum & 0xffff) + (sum >> 16); };
  std::size_t words = data.size() / 2, at = 0;
  while (words > 0) {
    std::size_t run = std::min<std::size_t>(words, 360);  // the sums cannot overflow before folding
    words -= run;
    for (; run > 0; --run, at += 2) {
      sum1 += std::uint32_t(data[at]) << 8 | std::uint32_t(data[at + 1]);
      sum2 += sum1;
    }
    sum1 = fold(sum1);
    sum2 = fold(sum2);
  }
  if (data.size() % 2 != 0) {
    sum1 = fold(sum1 + (std::uint32_t(data.back()) << 8));
    sum2 = fold(sum2 + sum1);
  }
  return fold(sum2) << 16 | fold(sum1);
}

// Bytes were sorted by their place in the element: all first bytes, all second bytes, ...
std::vector<std::byte> unshuffle(const std::vector<std::byte>& data, std::size_t element) {
  if (element <= 1 || data.size() < element) return data;
  const std::size_t count = data.size() / element;
  std::vector<std::byte> out(data);  // a remainder stays where it is
  for (std::size_t byte = 0; byte < element; ++byte) {
    for (std::size_t i = 0; i < count; ++i) out[i * element + byte] = data[byte * count + i];
  }
  return out;
}

// Bytes after the filters from `first` on have been undone, for a chunk of `size` decoded bytes.
std::uint64_t size_before(const std::vector<Filter>& filters, std::size_t filter,
                          std::uint32_t mask, std::uint64_t size) {
  for (std::size_t i = 0; i < filter; ++i) {
    if ((mask >> i & 1) == 0 && filters[i].id == kFletcher32) size += 4;
  }
  return size;
}

}  // namespace

std::vector<Filter> read_filters(const Image& image, const Message& message) {
  constexpr unsigned kMaxFilters = 32;  // the filter mask has 32 bits
  constexpr unsigned kFirstNamed = 256;
  if (message.is_shared()) image.error(ErrorCode::unimplemented, "a shared HDF5 filter message");
  ByteReader reader = image.reader(message.body, "a filter pipeline");
  const unsigned version = reader.u8(), count = reader.u8();
  if (version < 1 || version > 2 || count > kMaxFilters)
    image.damaged("a filter pipeline is damaged");
  if (version == 1) reader.skip(6);
  std::vector<Filter> filters(count);
  for (Filter& filter : filters) {
    filter.id = reader.u16();
    const unsigned name_size = version == 1 || filter.id >= kFirstNamed ? reader.u16() : 0;
    filter.optional = (reader.u16() & 1) != 0;
    const unsigned values = reader.u16();
    reader.skip(version == 1 ? (name_size + 7) / 8 * 8 : name_size);
    for (unsigned i = 0; i < values; ++i) filter.values.push_back(reader.u32());
    if (version == 1 && values % 2 != 0) reader.skip(4);
    if (filter.id < kDeflate || filter.id > kFletcher32) {
      image.error(ErrorCode::unimplemented, "HDF5 filter {}{}", filter.id,
                  name_of_filter(filter.id));
    }
  }
  return filters;
}

std::vector<std::byte> undo_filters(const Image& image, const std::vector<Filter>& filters,
                                    std::span<const std::byte> stored, std::uint32_t mask,
                                    std::uint64_t size) {
  std::vector<std::byte> data;
  bool is_copied = false;
  for (std::size_t i = filters.size(); i-- > 0;) {
    if ((mask >> i & 1) != 0) continue;
    const std::span<const std::byte> input = is_copied ? std::span<const std::byte>(data) : stored;
    std::vector<std::byte> output;
    switch (filters[i].id) {
      case kDeflate: {
        const std::uint64_t full = size_before(filters, i, mask, size);
        if (full / std::max<std::uint64_t>(image.limits().max_inflate_ratio, 1) > input.size()) {
          image.error(ErrorCode::resource_exhausted, "a chunk of {} bytes would become {}",
                      input.size(), full);
        }
        output.resize(static_cast<std::size_t>(full));
        inflate(input, output, /*raw=*/false, image.name());
        break;
      }
      case kShuffle: {
        const std::size_t element = filters[i].values.empty() ? 1 : filters[i].values[0];
        output = unshuffle({input.begin(), input.end()}, element);
        break;
      }
      default: {
        if (input.size() < 4) image.damaged("a chunk is too short for its checksum");
        const auto body = input.first(input.size() - 4);
        const auto sum = static_cast<std::uint32_t>(load_little(input.data() + body.size(), 4));
        if (fletcher32(body) != sum)
          image.damaged("the Fletcher-32 checksum of a chunk does not fit");
        output.assign(body.begin(), body.end());
      }
    }
    data = std::move(output);
    is_copied = true;
  }
  if (!is_copied) data.assign(stored.begin(), stored.end());
  if (data.size() != size)
    image.damaged("a chunk decodes to {} bytes, expected {}", data.size(), size);
  return data;
}

}  // namespace thaw::h5
