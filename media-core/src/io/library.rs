//! Codecs of the system: libraries that are opened at run time if they are there, and never linked.
//!
//! So far one: bcg729, which is under the GPL and therefore no part of this program. Whoever installs it decides for it. Only its public
//! interface is stated here, as its documentation gives it.

use core::{
    ffi::{CStr, c_void},
    ptr::NonNull,
};
use std::sync::OnceLock;

/// Samples of a G.729 frame of 10 ms.
pub const G729_SAMPLES: usize = 80;

/// Octets of a G.729 frame of speech.
pub const G729_OCTETS: usize = 10;

/// The interface is that of this major version.
const BCG729: &CStr = c"libbcg729.so.0";

/// A channel's state, known only to the library.
type Channel = NonNull<c_void>;

/// The functions of bcg729 that are used.
#[derive(Clone, Copy)]
pub struct Bcg729 {
    open_decoder: unsafe extern "C" fn() -> *mut c_void,
    close_decoder: unsafe extern "C" fn(*mut c_void),
    decode: unsafe extern "C" fn(*mut c_void, *const u8, u8, u8, u8, u8, *mut i16),
    open_encoder: unsafe extern "C" fn(u8) -> *mut c_void,
    close_encoder: unsafe extern "C" fn(*mut c_void),
    encode: unsafe extern "C" fn(*mut c_void, *const i16, *mut u8, *mut u8),
}

impl core::fmt::Debug for Bcg729 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Bcg729")
    }
}

/// bcg729, if this machine has it. Looked for once in a process; it stays open.
#[must_use]
pub fn bcg729() -> Option<&'static Bcg729> {
    static LIBRARY: OnceLock<Option<Bcg729>> = OnceLock::new();
    LIBRARY.get_or_init(|| open(BCG729)).as_ref()
}

/// Opens a library with bcg729's interface; `None` when there is none of this name, or it lacks a function.
fn open(name: &CStr) -> Option<Bcg729> {
    // SAFETY: `name` ends with NUL. The library's initialisers run; it is one the administrator installed under this name.
    let handle = NonNull::new(unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) })?;
    let symbol = |name: &CStr| {
        // SAFETY: the handle is open and never closed; `name` ends with NUL.
        NonNull::new(unsafe { libc::dlsym(handle.as_ptr(), name.as_ptr()) })
    };
    let symbols = [
        symbol(c"initBcg729DecoderChannel")?,
        symbol(c"closeBcg729DecoderChannel")?,
        symbol(c"bcg729Decoder")?,
        symbol(c"initBcg729EncoderChannel")?,
        symbol(c"closeBcg729EncoderChannel")?,
        symbol(c"bcg729Encoder")?,
    ]
    .map(NonNull::as_ptr);
    // SAFETY: these are the functions of bcg729's headers since version 1.0.2, which `libbcg729.so.0` stands for; each has
    // the parameters of the field it is put into, and a pointer to a function is as wide as one to data here.
    unsafe {
        Some(Bcg729 {
            open_decoder: core::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> *mut c_void>(symbols[0]),
            close_decoder: core::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(symbols[1]),
            decode: core::mem::transmute::<
                *mut c_void,
                unsafe extern "C" fn(*mut c_void, *const u8, u8, u8, u8, u8, *mut i16),
            >(symbols[2]),
            open_encoder: core::mem::transmute::<*mut c_void, unsafe extern "C" fn(u8) -> *mut c_void>(symbols[3]),
            close_encoder: core::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(symbols[4]),
            encode: core::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void, *const i16, *mut u8, *mut u8)>(
                symbols[5],
            ),
        })
    }
}

impl Bcg729 {
    /// A decoder's channel; `None`: no memory.
    #[must_use]
    pub fn decoder(&'static self) -> Option<G729Decoder> {
        // SAFETY: takes nothing and returns a new channel or null.
        let channel = NonNull::new(unsafe { (self.open_decoder)() })?;
        Some(G729Decoder { library: self, channel })
    }

    /// An encoder's channel that sends every frame; `None`: no memory.
    #[must_use]
    pub fn encoder(&'static self) -> Option<G729Encoder> {
        // SAFETY: takes a flag (no voice activity detection) and returns a new channel or null.
        let channel = NonNull::new(unsafe { (self.open_encoder)(0) })?;
        Some(G729Encoder { library: self, channel })
    }
}

/// One frame of G.729 as it comes.
#[derive(Clone, Copy, Debug)]
pub enum G729Frame<'a> {
    /// Speech.
    Speech(&'a [u8; G729_OCTETS]),
    /// A description of the noise that follows (annex B).
    Noise(&'a [u8; 2]),
    /// It was lost.
    Lost,
}

/// One stream in.
#[derive(Debug)]
pub struct G729Decoder {
    library: &'static Bcg729,
    channel: Channel,
}

// SAFETY: a channel is plain memory that only its owner names; the library keeps nothing of it elsewhere and knows no threads.
unsafe impl Send for G729Decoder {}

impl G729Decoder {
    /// Decodes one frame of 10 ms.
    pub fn decode(&mut self, frame: G729Frame<'_>, out: &mut [i16; G729_SAMPLES]) {
        // The library reads a whole frame of speech whatever it is told.
        let mut octets = [0_u8; G729_OCTETS];
        let (length, erased, noise) = match frame {
            G729Frame::Speech(speech) => {
                octets = *speech;
                (G729_OCTETS as u8, 0, 0)
            }
            G729Frame::Noise(noise) => {
                octets[..2].copy_from_slice(noise);
                (2, 0, 1)
            }
            G729Frame::Lost => (0, 1, 0),
        };
        // SAFETY: the channel is open and borrowed exclusively; ten octets can be read, 80 samples written, as the header demands.
        unsafe {
            (self.library.decode)(self.channel.as_ptr(), octets.as_ptr(), length, erased, noise, 0, out.as_mut_ptr());
        }
    }
}

impl Drop for G729Decoder {
    fn drop(&mut self) {
        // SAFETY: the channel is open, from the same library, and not used afterwards.
        unsafe { (self.library.close_decoder)(self.channel.as_ptr()) }
    }
}

/// One stream out.
#[derive(Debug)]
pub struct G729Encoder {
    library: &'static Bcg729,
    channel: Channel,
}

// SAFETY: as with the decoder.
unsafe impl Send for G729Encoder {}

impl G729Encoder {
    /// Encodes one frame of 10 ms; how many octets it has.
    pub fn encode(&mut self, pcm: &[i16; G729_SAMPLES], out: &mut [u8; G729_OCTETS]) -> usize {
        let mut length = 0_u8;
        // SAFETY: the channel is open and borrowed exclusively; 80 samples can be read, ten octets and one length written.
        unsafe { (self.library.encode)(self.channel.as_ptr(), pcm.as_ptr(), out.as_mut_ptr(), &raw mut length) }
        usize::from(length).min(G729_OCTETS)
    }
}

impl Drop for G729Encoder {
    fn drop(&mut self) {
        // SAFETY: the channel is open, from the same library, and not used afterwards.
        unsafe { (self.library.close_encoder)(self.channel.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_there_or_is_another_one_is_no_codec() {
        assert!(open(c"libbcg729-of-no-machine.so.0").is_none());
        assert!(open(c"libc.so.6").is_none(), "it lacks the functions");
    }
}
