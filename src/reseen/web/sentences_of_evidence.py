"""Why a file stands on its rung, and why something was not read, as the rooms say it.

Marked here to be translated (`told_by_rooms`). A test holds each to the code that says it.
"""

from __future__ import annotations

from reseen.web.speech import N_

EVIDENCE = (
    N_("The hub states this file's SHA-256, and it is the removed file's."),
    N_("The hub states this file's Xet hash, and it is the removed file's."),
    N_("Git's name for this file (its blob SHA-1) is the removed file's."),
    N_(
        "The hub states this file's %(kind)s, and it is the removed file's. Two files can be "
        "made that share one."
    ),
    N_("Every byte was read, and the %(kind)s is the removed file's."),
    N_("Every byte was read, and git's SHA-1 is the removed file's."),
    N_("All weights, in their order, are the removed file's; only the header may differ."),
    N_("Every tensor is one of the removed file's and none is missing; names or order may differ."),
    N_(
        "Every byte was read, and the %(kind)s is the removed file's. Two files can be made "
        "that share one."
    ),
    N_(
        "This file stands on a disk here: its %(kind)s was computed from its bytes, and it is"
        " the removed file's."
    ),
    N_(
        "The %(kind)s that this Git LFS pointer states is the removed file's. It is not the "
        "file itself: run git lfs pull to read the file."
    ),
    N_("The %(kind)s that was stated for this file is the removed file's."),
    N_("The %(kind)s that was computed from this file's bytes is the removed file's."),
    N_(
        "The hub hides the hash; the Git LFS pointer id equals the one computed from the "
        "removed file's SHA-256 and size."
    ),
    N_(
        "This file and that of the sighting %(other)s add up to the removal, %(said_how)s: "
        "cosine %(decimal)s, p %(decimal_p)s (%(said_calibration)s), %(percent)s of "
        "%(number)s modules agree. What is known is of the two together: neither is like the "
        "removal by itself."
    ),
    N_("The size that a list gives is false."),
    N_("Not read: of its class only digests are compared."),
    N_(
        "Every byte was read, and git's name for this hidden file's pointer is the removed "
        "file's and not this file's: the hub's statement is false."
    ),
    N_(
        "Every byte was read, and the %(kind)s that the hub states is the removed file's and "
        "not this file's: the hub's statement is false."
    ),
    N_(
        "Every byte was read, and git's name for this file is the removed file's and not this"
        " file's: the hub's statement is false."
    ),
    N_(
        "One of the digests that the list gives for the removed file is this file's and "
        "another is not: one of them is false, and a person has to look at it."
    ),
    N_("The %(kind)s and the sizes agree; it is too short to prove anything."),
    N_("The %(kind)s agrees; it is too short to prove anything."),
    N_("The file's metadata states the removal's %(kind)s; anyone can write that."),
    N_("The file's metadata states a %(kind)s of the removal; anyone can write that."),
    N_("%(number)s bytes"),
    N_("The file is named by the removed file's SHA-256."),
    N_("The file has the removed file's name."),
    N_("The path holds the removed model's numbers at its former site."),
    N_(
        "Similar weight updates, %(said)s: cosine %(decimal)s, p %(decimal_p)s "
        "(%(said_calibration)s), %(percent)s of %(number)s modules agree%(rest)s."
    ),
    N_(
        "Not alike, %(said)s: cosine %(decimal)s, p %(decimal_p)s (%(said_calibration)s), "
        "%(percent)s of %(number)s modules agree%(rest)s."
    ),
    N_(
        "Similar weight updates: cosine %(decimal)s over %(number)s modules that were looked "
        "at; the store is away, so that the others could not be compared (uncalibrated)."
    ),
    N_("the same adapter re-saved"),
    N_("the same adapter at another strength"),
    N_("the same adapter in another number format, pruned or slightly noised"),
    N_("the same adapter at a lower rank"),
    N_("the same in a part of the modules"),
    N_("trained on from it, or strongly noised"),
    N_("one part of a merge"),
    N_("uncertain: which layer is which was told by their order alone"),
    N_("uncertain: files of this recipe resemble each other"),
    N_("uncertain: it may be another part of a removal that is a merge itself"),
    N_("uncertain: its layers are spread over several adapters in the file"),
    N_("related training, not a copy"),
    N_("no more than strangers have"),
    N_("missing: %(blocks)s"),
    N_("added: %(blocks)s"),
    N_("negated: %(blocks)s"),
    N_("random: %(blocks)s"),
    N_("calibrated"),
    N_("uncalibrated"),
    N_(
        "Inside a merge: %(percent)s of its columns are there over %(number)s modules, "
        "%(decimal)s above %(number_decoys)s decoys, p %(decimal_p)s "
        "(%(said_calibration)s)%(rest)s."
    ),
    N_(
        "May be inside a merge: %(percent)s of its columns are there over %(number)s modules,"
        " %(decimal)s above %(number_decoys)s decoys, p %(decimal_p)s "
        "(%(said_calibration)s)%(rest)s."
    ),
    N_(
        "Inside a merge: its weights agree with what no other explains to a cosine of "
        "%(decimal)s over %(number)s modules, %(decimal_margin)s above %(number_decoys)s "
        "decoys, p %(decimal_p)s (%(said_calibration)s)%(rest)s."
    ),
    N_(
        "May be inside a merge: its weights agree with what no other explains to a cosine of "
        "%(decimal)s over %(number)s modules, %(decimal_margin)s above %(number_decoys)s "
        "decoys, p %(decimal_p)s (%(said_calibration)s)%(rest)s."
    ),
    N_(
        "Inside a merge: its up factors agree with what no other explains to a cosine of "
        "%(decimal)s over %(number)s modules, %(decimal_margin)s above %(number_decoys)s "
        "decoys, p %(decimal_p)s (%(said_calibration)s)%(rest)s."
    ),
    N_(
        "May be inside a merge: its up factors agree with what no other explains to a cosine "
        "of %(decimal)s over %(number)s modules, %(decimal_margin)s above %(number_decoys)s "
        "decoys, p %(decimal_p)s (%(said_calibration)s)%(rest)s."
    ),
    N_("%(decimal)s times as strong as it was"),
    N_(
        "Inside a checkpoint, beside the base %(base)s: its weights agree to a cosine of "
        "%(decimal)s over %(number)s modules, p %(decimal_p)s (%(said_calibration)s), "
        "%(decimal_strength)s times as strong as it was%(rest)s."
    ),
    N_(
        "May be inside a checkpoint, beside the base %(base)s: its weights agree to a cosine "
        "of %(decimal)s over %(number)s modules, p %(decimal_p)s (%(said_calibration)s), "
        "%(decimal_strength)s times as strong as it was%(rest)s."
    ),
    N_(
        "The embedding (textual inversion) in it is the removed file's, %(said)s: %(number)s "
        "of %(number_all)s rows agree, with a cosine of at least %(decimal)s."
    ),
    N_(
        "The embedding (textual inversion) in it is the removed file's, %(said)s: its one row"
        " agrees, with a cosine of at least %(decimal)s."
    ),
    N_("the same rows"),
    N_("the same rows at another length"),
    N_("the same rows in another number format, or slightly noised"),
    N_("a part of its rows"),
    N_("its tensors are too large to be held"),
    N_("its tensors share bytes too often"),
    N_("the file asks for more work than one file is given"),
    N_("its tensors lie too far apart in the file"),
    N_("its bytes did not all come"),
    N_("its update is not finite"),
    N_("the file updates nothing: its update is zero in every layer"),
    N_("the update is tiny: there is nothing to recognise"),
    N_("layers too few to be known as a part of a larger adapter"),
    N_("no base model of its architecture is known: what is inside is not looked for"),
    N_("none of the known base models is its base: what is inside is not looked for"),
    N_("its weights are in a form that is not read: what is inside is not looked for"),
    N_("a checkpoint of a model of which no base is known: what is inside is not looked for"),
    N_("a checkpoint of none of the known base models: what is inside is not looked for"),
    N_(
        "layers of its base that it has twice, or in a form or under names that are not read:"
        " what is in them is not looked for"
    ),
    N_("files whose weights could not be judged: by their digests alone"),
    N_("files that could not be judged: damaged, or of a form that is not read"),
    N_("judged by its digests alone: %(said)s"),
    N_("judged without a part of it: %(said)s"),
    N_("%(said)s (%(number)s)"),
    N_("an archive in an archive in an archive: not opened"),
    N_("its tensors are not looked for"),
    N_("it is encrypted: what is in it is not read"),
    N_("one of several parts: the whole of them is not here"),
    N_("more than %(number)s members: the rest is not read"),
    N_("more comes out of it than is unpacked: the rest is not read"),
    N_("members packed in a way that is not read"),
    N_("the archive is damaged, or breaks off"),
    N_("it takes more memory to unpack than is given"),
    N_("files in an archive of which there is more to tell than is heard"),
    N_("files in an archive that are larger than the limit on bytes allows"),
    N_("behind a gate: not read"),
    N_("its hub does not state its size: not read"),
    N_("its hub hands out no parts of files: not read for altered copies"),
    N_("reading may count as a download, which is forbidden: not read"),
    N_("more than the limit on bytes allows: not read, or not further"),
    N_("the hub or its storage did not answer: not read, or not further"),
    N_("what is served is not what its hub states"),
    N_("a program: what it unpacks later than at its beginning is not read"),
    N_("an index larger than any known"),
    N_("one of its files is none that can be read"),
    N_("not a model file that is known here"),
    N_("it is cut off, so that its digests are no whole file's: download it again"),
    N_("files in a torch file that are no part of its tensors"),
    N_(
        "rows of an embedding too close to the tokenizer's table to tell whose they are: they"
        " are compared by digests alone"
    ),
    N_("%(said)s [%(code)s]%(rest)s"),
    N_("calibrated on %(number)s adapters"),
    N_("of its class only digests are compared"),
    N_("by its end it is a zip, which it is not by its beginning: what is in it is not read"),
    N_("an archive stands in it behind other bytes: what is in it is not read"),
)
