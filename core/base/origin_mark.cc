#include "core/base/origin_mark.h"

#include <optional>

#include "absl/strings/str_cat.h"

namespace vidmuse {
namespace {

constexpr size_t kMaxModelBytes = 128;
constexpr size_t kWavFmtEnd = 12 + 8 + 16;
constexpr size_t kChunkHeaderBytes = 8;  // a name and a size
constexpr size_t kPaddingLine = 100;     // spaces in a line of XMP padding

// Takes the first character off `text`. nullopt: its bytes aren't UTF-8; one byte was taken.
std::optional<uint32_t> NextCharacter(absl::string_view* text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>((*text)[i]); };
  const unsigned char first = byte(0);
  const size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  bool valid = (first < 0x80 || first >= 0xc2) && first < 0xf5 && text->size() >= size;
  uint32_t character = size == 1 ? first : first & (0x7fu >> size);
  for (size_t i = 1; valid && i < size; ++i) {
    valid = (byte(i) & 0xc0) == 0x80;
    character = character << 6 | (byte(i) & 0x3f);
  }
  if (size == 3) valid = valid && character >= 0x800 && (character < 0xd800 || character > 0xdfff);
  if (size == 4) valid = valid && character >= 0x10000 && character <= 0x10ffff;
  text->remove_prefix(valid ? size : 1);
  if (!valid) return std::nullopt;
  return character;
}

// Whether the character is one for people to read. XML can hold all of these.
bool IsText(uint32_t character) {
  const bool control = character < 0x20 || (character >= 0x7f && character < 0xa0);
  const bool line_end = character == 0x2028 || character == 0x2029;
  return !control && !line_end && (character & 0xfffe) != 0xfffe;
}

// The name with "?" for everything that isn't text.
std::string ModelName(absl::string_view name) {
  std::string clean;
  while (!name.empty()) {
    const absl::string_view rest = name;
    const std::optional<uint32_t> character = NextCharacter(&name);
    const bool is_text = character.has_value() && IsText(*character);
    const absl::string_view next =
        is_text ? rest.substr(0, rest.size() - name.size()) : absl::string_view("?");
    if (clean.size() + next.size() > kMaxModelBytes) break;
    clean.append(next.data(), next.size());
  }
  return clean;
}

std::string XmlEscaped(absl::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

const char* SourceType(MarkedFile file) {
  return file == MarkedFile::kAudio ? kTrainedAlgorithmicMedia
                                    : kCompositeWithTrainedAlgorithmicMedia;
}

// Lines of spaces, `size` bytes together.
std::string Padding(size_t size) {
  std::string padding(size, ' ');
  for (size_t at = kPaddingLine; at <= size; at += kPaddingLine) padding[at - 1] = '\n';
  return padding;
}

void AppendBigEndian32(uint32_t value, std::string* out) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

// A RIFF chunk with its padding byte.
std::string Chunk(absl::string_view name, absl::string_view data) {
  std::string chunk(name);
  for (int shift = 0; shift < 32; shift += 8) {
    chunk.push_back(static_cast<char>(data.size() >> shift & 0xff));
  }
  absl::StrAppend(&chunk, data);
  if (data.size() % 2 != 0) chunk.push_back('\0');
  return chunk;
}

// A size as ID3 writes it: 7 bits a byte.
void AppendSyncsafe(size_t size, std::string* out) {
  for (int shift = 21; shift >= 0; shift -= 7)
    out->push_back(static_cast<char>(size >> shift & 0x7f));
}

std::string Id3Frame(absl::string_view name, absl::string_view data) {
  std::string frame(name);
  AppendSyncsafe(data.size(), &frame);
  frame.append(2, '\0');  // flags
  absl::StrAppend(&frame, data);
  return frame;
}

}  // namespace

absl::Status CheckOriginText(absl::string_view text) {
  if (text.size() > kMaxOriginTextBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the origin text has ", text.size(),
                                                   " bytes, at most ", kMaxOriginTextBytes,
                                                   " are allowed"));
  }
  const size_t size = text.size();
  while (!text.empty()) {
    const size_t at = size - text.size();
    const std::optional<uint32_t> character = NextCharacter(&text);
    if (character.has_value() && IsText(*character)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the origin text has ",
                     character.has_value() ? "a control character" : "no UTF-8", " at byte ", at));
  }
  return absl::OkStatus();
}

std::string OriginSoftware(const Origin& origin) {
  return absl::StrCat("vidmuse", origin.version.empty() ? "" : " ", origin.version);
}

std::string OriginComment(const Origin& origin, MarkedFile file) {
  const bool audio = file == MarkedFile::kAudio;
  return absl::StrCat(audio ? "This is" : "The music of this video is", " AI-generated: made by ",
                      OriginSoftware(origin), " with the trained model ", ModelName(origin.model),
                      ", seed ", origin.seed, " (IPTC digital source type",
                      audio ? "" : " of the music", ": trainedAlgorithmicMedia).",
                      origin.text.empty() ? "" : " ", origin.text);
}

std::vector<std::pair<std::string, std::string>> OriginFields(const Origin& origin,
                                                              MarkedFile file) {
  return {{"DIGITALSOURCETYPE", SourceType(file)},
          {"GENERATOR", OriginSoftware(origin)},
          {"MODEL", ModelName(origin.model)},
          {"SEED", absl::StrCat(origin.seed)}};
}

std::string OriginXmp(const Origin& origin, MarkedFile file, size_t padding) {
  const std::string software = XmlEscaped(OriginSoftware(origin));
  const std::string model = XmlEscaped(ModelName(origin.model));
  const auto property = [](absl::string_view name, absl::string_view value) {
    return absl::StrCat("   <", name, ">", value, "</", name, ">\n");
  };
  std::string packet =
      "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
      "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n"
      " <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n"
      "  <rdf:Description rdf:about=\"\"\n"
      "    xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\"\n"
      "    xmlns:dc=\"http://purl.org/dc/elements/1.1/\"\n"
      "    xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n"
      "    xmlns:vidmuse=\"urn:vidmuse:origin:\">\n";
  packet += property("Iptc4xmpExt:DigitalSourceType", SourceType(file));
  packet += property("Iptc4xmpExt:AISystemUsed", absl::StrCat("vidmuse, model ", model));
  if (!origin.version.empty()) {
    packet += property("Iptc4xmpExt:AISystemVersionUsed", XmlEscaped(origin.version));
  }
  if (file == MarkedFile::kAudio) packet += property("xmp:CreatorTool", software);
  packet += property("dc:description",
                     absl::StrCat("<rdf:Alt><rdf:li xml:lang=\"x-default\">",
                                  XmlEscaped(OriginComment(origin, file)), "</rdf:li></rdf:Alt>"));
  packet += property("vidmuse:Model", model);
  packet += property("vidmuse:Seed", absl::StrCat(origin.seed));
  absl::StrAppend(&packet, "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n", Padding(padding),
                  "<?xpacket end=\"w\"?>");
  return packet;
}

std::string OriginWavChunks(const Origin& origin) {
  // The text of INFO ends with a zero.
  const std::string info =
      absl::StrCat("INFO", Chunk("ISFT", OriginSoftware(origin) + '\0'),
                   Chunk("ICMT", OriginComment(origin, MarkedFile::kAudio) + '\0'));
  const std::string list = Chunk("LIST", info);
  const size_t packet = OriginXmp(origin, MarkedFile::kAudio).size();
  const size_t used = kWavFmtEnd + list.size() + kChunkHeaderBytes + packet + kChunkHeaderBytes;
  return list +
         Chunk("_PMX", OriginXmp(origin, MarkedFile::kAudio,
                                 used < kMarkedWavHeaderBytes ? kMarkedWavHeaderBytes - used : 0));
}

std::string OriginId3Tag(const Origin& origin) {
  const std::string utf8 = "\x03";
  std::string frames = Id3Frame("TSSE", utf8 + OriginSoftware(origin));
  frames += Id3Frame("COMM", absl::StrCat(utf8, "eng", absl::string_view("\0", 1),
                                          OriginComment(origin, MarkedFile::kAudio)));
  frames += Id3Frame(
      "PRIV", absl::StrCat(absl::string_view("XMP\0", 4), OriginXmp(origin, MarkedFile::kAudio)));
  // Short frames come last: some readers warn of a long last one.
  for (const auto& [name, value] : OriginFields(origin, MarkedFile::kAudio)) {
    frames += Id3Frame("TXXX", absl::StrCat(utf8, name, absl::string_view("\0", 1), value));
  }
  std::string tag("ID3\x04\0\0", 6);
  AppendSyncsafe(frames.size(), &tag);
  return tag + frames;
}

std::string OriginXmpBox(const Origin& origin) {
  const std::string packet = OriginXmp(origin, MarkedFile::kVideo);
  const absl::string_view uuid("\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac",
                               16);
  std::string box;
  AppendBigEndian32(static_cast<uint32_t>(8 + uuid.size() + packet.size()), &box);
  absl::StrAppend(&box, "uuid", uuid, packet);
  return box;
}

}  // namespace vidmuse
