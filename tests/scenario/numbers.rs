//! Numbers of two to four digits, one beginning with another.

use crate::handset::{Handset, home};

#[test]
fn numbers_of_two_three_and_four_digits_reach_their_own_phones() {
    let home = home("", "");
    home.edit(
        "extensions:\n",
        "extensions:\n  - { number: \"10\", name: Two, auth_user: two, secret: \"Hw4-fourth-wheel-1\" }\n  \
         - { number: \"100\", name: Three, auth_user: three, secret: \"Jy6-fifth-wheel-8\" }\n",
    );
    let exchange = home.start();
    let mut two = Handset::new(&exchange, "10", "two", "Hw4-fourth-wheel-1").registered();
    let mut three = Handset::new(&exchange, "100", "three", "Jy6-fifth-wheel-8").registered();
    let mut four = Handset::alice(&exchange).registered();
    let call = |caller: &mut Handset, callee: &mut Handset| {
        let asked = caller.dial(callee.number);
        let invite = callee.called();
        assert!(invite.field("To").contains(&format!("sip:{}@", callee.number)), "{invite:?}");
        assert!(invite.field("From").contains(&format!("sip:{}@", caller.number)), "{invite:?}");
        let mut talk = callee.take(&invite);
        caller.connected(&asked);
        callee.hang_up(&mut talk);
        caller.hung_up_on();
    };
    call(&mut two, &mut three);
    call(&mut three, &mut four);
    call(&mut four, &mut two);
    for nobody in ["1", "101", "10010", "01001"] {
        let asked = two.dial(nobody);
        assert_eq!(two.refused(&asked), 404, "{nobody}");
    }
}
