/* A far end made of spandsp, from standard input to standard output: "encode" and "decode" G.722, "hear" and "say" keys. The few functions used
   are declared here, so that the library alone is needed and not its headers. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

extern void *g722_encode_init(void *, int rate, int options);
extern int g722_encode(void *, uint8_t octets[], const int16_t samples[], int length);
extern void *g722_decode_init(void *, int rate, int options);
extern int g722_decode(void *, int16_t samples[], const uint8_t octets[], int length);
extern void *dtmf_rx_init(void *, void *callback, void *user);
extern int dtmf_rx(void *, const int16_t samples[], int length);
extern size_t dtmf_rx_get(void *, char *digits, int max);
extern void *dtmf_tx_init(void *, void *callback, void *user);
extern int dtmf_tx_put(void *, const char *digits, int length);
extern int dtmf_tx(void *, int16_t samples[], int max);

int main(int count, char **words) {
    static int16_t samples[320];
    static uint8_t octets[160];
    static char digits[256];
    const char *what = count > 1 ? words[1] : "";
    size_t length;
    if (!strcmp(what, "encode")) {
        void *state = g722_encode_init(NULL, 64000, 0);
        while ((length = fread(samples, 2, 320, stdin)) > 0)
            fwrite(octets, 1, (size_t)g722_encode(state, octets, samples, (int)length), stdout);
    } else if (!strcmp(what, "decode")) {
        void *state = g722_decode_init(NULL, 64000, 0);
        while ((length = fread(octets, 1, 160, stdin)) > 0)
            fwrite(samples, 2, (size_t)g722_decode(state, samples, octets, (int)length), stdout);
    } else if (!strcmp(what, "hear")) {
        void *state = dtmf_rx_init(NULL, NULL, NULL);
        while ((length = fread(samples, 2, 160, stdin)) > 0) {
            dtmf_rx(state, samples, (int)length);
            fwrite(digits, 1, dtmf_rx_get(state, digits, 128), stdout);
        }
    } else if (!strcmp(what, "say")) {
        void *state = dtmf_tx_init(NULL, NULL, NULL);
        length = fread(digits, 1, 128, stdin);
        dtmf_tx_put(state, digits, (int)length);
        while ((length = (size_t)dtmf_tx(state, samples, 160)) > 0) fwrite(samples, 2, length, stdout);
    } else {
        return 2;
    }
    return 0;
}
