// Which sectors of global memory a launch touches: what moves between memory and chip when nothing is fetched twice.
#pragma once
#include <stdint.h>

// For cudasim_options.check, beside the CUDASIM_CHECK_* bits: checked images report their accesses.
enum { CUDASIM_CHECK_TRAFFIC = 8, CUDASIM_SECTOR_BYTES = 32 };

typedef struct {
  uint64_t sectors_read, sectors_written;
} cudasim_traffic;

#ifdef __cplusplus
extern "C" {
#endif
// Distinct sectors that the last launch read (and had not written before) and wrote; zeros for an unchecked image.
cudasim_traffic cudasim_last_traffic(void);
#ifdef __cplusplus
}
#endif
