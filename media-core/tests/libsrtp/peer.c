/* A far end made of libsrtp. Lines on stdin: "key SUITE HEX", "protect rtp|rtcp HEX", "open rtp|rtcp HEX"; answers HEX or "refused". */
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void policy_of(const char *suite, srtp_policy_t *policy) {
    if (!strcmp(suite, "AesCm128Sha1_80")) {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtcp);
    } else if (!strcmp(suite, "AesCm128Sha1_32")) {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy->rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtcp);
    } else if (!strcmp(suite, "AesCm256Sha1_80")) {
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy->rtp);
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy->rtcp);
    } else if (!strcmp(suite, "AesCm256Sha1_32")) {
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(&policy->rtp);
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy->rtcp);
    } else if (!strcmp(suite, "AeadAes128Gcm")) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtcp);
    } else if (!strcmp(suite, "AeadAes256Gcm")) {
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtcp);
    } else {
        exit(2);
    }
}

static int octets(const char *hex, unsigned char *out) {
    int count = 0;
    unsigned value;
    while (count < 2000 && sscanf(hex + 2 * count, "%2x", &value) == 1) out[count++] = (unsigned char)value;
    return count;
}

int main(void) {
    static char line[8192], word[3][4096];
    static unsigned char key[64], packet[2048];
    srtp_t sender = NULL, receiver = NULL;
    if (srtp_init()) return 2;
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%4095s %4095s %4095s", word[0], word[1], word[2]) != 3) return 2;
        if (!strcmp(word[0], "key")) {
            srtp_policy_t policy;
            memset(&policy, 0, sizeof policy);
            policy_of(word[1], &policy);
            octets(word[2], key);
            policy.key = key;
            policy.window_size = 128;
            policy.ssrc.type = ssrc_any_outbound;
            if (srtp_create(&sender, &policy)) return 2;
            policy.ssrc.type = ssrc_any_inbound;
            if (srtp_create(&receiver, &policy)) return 2;
            continue;
        }
        int len = octets(word[2], packet), rtp = !strcmp(word[1], "rtp"), status;
        if (!strcmp(word[0], "protect"))
            status = rtp ? srtp_protect(sender, packet, &len) : srtp_protect_rtcp(sender, packet, &len);
        else
            status = rtp ? srtp_unprotect(receiver, packet, &len) : srtp_unprotect_rtcp(receiver, packet, &len);
        if (status) {
            puts("refused");
        } else {
            for (int at = 0; at < len; at++) printf("%02x", packet[at]);
            putchar('\n');
        }
        fflush(stdout);
    }
    return 0;
}
