//! `holdpoint classify` against a real server: what it proposes, that it shows no value and changes nothing.

use crate::stage;

#[tokio::test]
async fn columns_are_proposed_by_name_comment_and_values_and_no_value_is_shown() {
    let stage = stage().await;
    stage.direct(
        "CREATE TABLE leads (id int, contact text, fax_no text, blurb text, \"odd \"\"name\" text);
         INSERT INTO leads SELECT i, 'lead' || i || '@example.com', NULL, 'met at the fair', '4111 1111 1111 1111'
         FROM generate_series(1, 40) i;
         COMMENT ON COLUMN leads.blurb IS 'free text, @class crm.note'; ALTER TABLE leads OWNER TO shop_app",
    );
    let (fine, out) = stage.command(&["classify", "--sample", "25"]);
    assert!(fine, "{out}");
    let line = |column: &str| {
        let found = out.lines().find(|line| line.contains(column));
        found.unwrap_or_else(|| panic!("{column} is not in {out}")).to_owned()
    };
    assert!(line("public.leads.contact").contains("pii.email") && line("public.leads.contact").contains("25 of 25"));
    assert!(line("public.leads.fax_no").contains("pii.phone"));
    assert!(line("public.leads.blurb").contains("crm.note") && line("public.leads.blurb").contains("not defined yet"));
    assert!(line("odd").contains("pci.card"));
    assert!(!out.contains("lead1") && !out.contains("4111"), "{out}");
    assert!(!out.contains("public.leads.id"), "{out}");
    let (fine, checked) = stage.command(&["classify", "--check"]);
    assert!(!fine && checked.contains("public.leads.fax_no: no class; looks like pii.phone"), "{checked}");
    assert!(!checked.contains("leads.contact"), "without values its name says nothing: {checked}");
    assert_eq!(stage.direct("SELECT count(*) FROM leads"), "40");
    let (fine, none) = stage.command(&["classify", "--inherited"]);
    assert_eq!((fine, none.trim()), (true, ""));
}
