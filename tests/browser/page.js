// A telephone in a page: JsSIP, a tone for a microphone, and an ear that tells tones apart. The tests call `phone.…` and wait for what it promises.
'use strict';

const TONES = [440, 620, 880, 1330];

const phone = {
    ua: null,
    session: null,
    keys: [],
    seen: [],

    /// Registers; `hertz` is its voice, 0 is silence.
    start({ server, number, user, secret, hertz }) {
        this.audio = new AudioContext({ sampleRate: 48000 });
        const [voice, mouth, gain] = [this.audio.createOscillator(), this.audio.createMediaStreamDestination(), this.audio.createGain()];
        voice.frequency.value = hertz || 440;
        gain.gain.value = hertz ? 0.4 : 0;
        voice.connect(gain).connect(mouth);
        voice.start();
        this.mouth = mouth.stream;
        this.ua = new JsSIP.UA({
            sockets: [new JsSIP.WebSocketInterface(server)],
            uri: `sip:${number}@pbx.test`,
            authorization_user: user,
            password: secret,
            register_expires: 600,
            session_timers: false,
            connection_recovery_min_interval: 1,
            connection_recovery_max_interval: 1,
        });
        this.ua.on('newRTCSession', ({ originator, session }) => {
            this.seen.push('session');
            this.session = session;
            session.on('newDTMF', ({ originator, dtmf }) => originator === 'remote' && this.keys.push(dtmf.tone));
            for (const what of ['progress', 'accepted', 'confirmed', 'hold', 'unhold', 'ended', 'failed', 'reinvite']) {
                session.on(what, (event) => this.seen.push(`${what}${event?.cause ? ` ${event.cause}` : ''}`));
            }
            session.on('peerconnection', ({ peerconnection }) => this.listen(peerconnection));
            if (originator === 'local') this.listen(session.connection);
        });
        for (const what of ['registered', 'disconnected', 'registrationFailed']) {
            this.ua.on(what, (event) => this.seen.push(`${what}${event?.cause ? ` ${event.cause}` : ''}`));
        }
        this.ua.start();
        return this.until('registered');
    },

    /// Hears what the connection brings. Remote audio is decoded only while a playing element holds it.
    listen(connection) {
        if (!connection || this.connection === connection) return;
        this.connection = connection;
        connection.addEventListener('track', ({ track }) => {
            const stream = new MediaStream([track]);
            this.element = new Audio();
            this.element.srcObject = stream;
            this.element.play();
            this.ear = this.audio.createAnalyser();
            this.ear.fftSize = 8192;
            this.audio.createMediaStreamSource(stream).connect(this.ear);
        });
    },

    options() {
        return { mediaStream: this.mouth, pcConfig: { iceServers: [] } };
    },

    /// Calls; resolves when the call stands.
    dial(number) {
        this.seen.length = 0;
        this.ua.call(`sip:${number}@pbx.test`, this.options());
        return this.until('confirmed');
    },

    /// Waits to be called, answers, resolves when the call stands.
    async answer() {
        await this.until('session');
        this.session.answer(this.options());
        return this.until('confirmed');
    },

    /// Resolves when something has happened since the last call began; it is then forgotten.
    until(what) {
        return new Promise((resolve, reject) => {
            const end = Date.now() + 20000;
            const look = () => {
                const at = this.seen.findIndex((one) => one === what || one.startsWith(`${what} `));
                const bad = this.seen.find((one) => /^(failed|registrationFailed)/.test(one) && !what.startsWith('failed'));
                if (at >= 0) return resolve(this.seen.splice(at, 1)[0]);
                if (bad || Date.now() > end) return reject(new Error(`waited for ${what}; saw ${JSON.stringify(this.seen)}`));
                setTimeout(look, 20);
            };
            look();
        });
    },

    /// What is heard in one look of 170 ms: the loudness, and the tone if one holds more than four fifths of the energy.
    look() {
        const samples = new Float32Array(8192);
        if (!this.ear) return { loudness: 0, tone: null };
        this.ear.getFloatTimeDomainData(samples);
        const energy = samples.reduce((sum, sample) => sum + sample * sample, 0);
        if (energy / samples.length < 1e-5) return { loudness: energy / samples.length, tone: null };
        const share = (hertz) => {
            // Goertzel.
            const turn = 2 * Math.cos((2 * Math.PI * hertz) / 48000);
            let [one, two] = [0, 0];
            for (const sample of samples) [one, two] = [sample + turn * one - two, one];
            return (2 * (one * one + two * two - turn * one * two)) / samples.length / energy;
        };
        return { loudness: energy / samples.length, tone: TONES.find((hertz) => share(hertz) > 0.8) ?? null };
    },

    /// Listens until the same has been heard in five looks one after the other, or `ms` have passed; what that is: a tone, or null.
    async hear(ms) {
        const end = Date.now() + ms;
        let [last, times] = [undefined, 0];
        while (Date.now() < end) {
            await new Promise((resolve) => setTimeout(resolve, 180));
            const { tone } = this.look();
            times = tone === last ? times + 1 : 1;
            last = tone;
            if (times >= 5 && tone !== null) return tone;
        }
        return times >= 5 ? last : 'changing';
    },

    /// Resolves when a tone has not been heard in five looks one after the other.
    async misses(hertz) {
        const end = Date.now() + 15000;
        for (let times = 0; times < 5; ) {
            if (Date.now() > end) throw new Error(`${hertz} Hz is still heard`);
            await new Promise((resolve) => setTimeout(resolve, 180));
            times = this.look().tone === hertz ? 0 : times + 1;
        }
        return true;
    },

    hold() {
        return new Promise((resolve) => this.session.hold({}, () => resolve(true)));
    },

    resume() {
        return new Promise((resolve) => this.session.unhold({}, () => resolve(true)));
    },

    /// Presses a key, as an event of RFC 4733.
    press(key) {
        this.session.sendDTMF(key, { duration: 120, transportType: 'RFC2833' });
        return true;
    },

    /// Asks for another way by ICE; resolves with how many other names for the ways there are now.
    async restart() {
        const name = () => this.connection.localDescription.sdp.match(/a=ice-ufrag:(.*)/)[1];
        const before = name();
        await new Promise((resolve) => this.session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, () => resolve(true)));
        return before !== name();
    },

    /// Cuts the connection without a word; resolves when the phone is registered again by another.
    cut() {
        this.seen.length = 0;
        this.ua._transport.socket._ws.close();
        return this.until('registered');
    },

    hangUp() {
        this.session.terminate();
        return this.until('ended');
    },

    /// How the media is: state of the connection, codec, packets.
    async media() {
        const all = [...(await this.connection.getStats()).values()];
        const inbound = all.find((one) => one.type === 'inbound-rtp');
        const codec = all.find((one) => one.id === inbound?.codecId);
        return { state: this.connection.connectionState, codec: codec?.mimeType ?? null, packets: inbound?.packetsReceived ?? 0 };
    },
};
