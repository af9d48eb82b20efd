"""Find named things of the sort that a field asks for: software, data sets, methods, or whatever its words say.

A name is taken only beside a word that says what it is ('the ImageNet data set', 'GROMACS version 2021'), or where it is
known: papers are full of capitals that name nothing a reader wants.
"""

from __future__ import annotations

import re

from extract.embedded.finders import names
from extract.embedded.phrases import Span, phrase_before
from extract.embedded.words import listed, stem

#: By sort: the stems that ask for it, the nouns that stand beside such a name, and names that are known without.
_SORTS = {
    "software": (
        "software package library tool program code framework toolbox toolkit application implementation",
        r"software|packages?|librar(?:y|ies)|toolbox(?:es)?|toolkits?|programs?|frameworks?|plug-?ins?|scripts?|pipelines?",
        "Python PyTorch TensorFlow Keras JAX scikit-learn SciPy NumPy pandas matplotlib MATLAB Matlab Mathematica Julia SPSS Stata "
        "STATA SAS GraphPad GraphPad\\ Prism ImageJ Fiji CellProfiler GROMACS LAMMPS AMBER NAMD VASP CASTEP Quantum\\ ESPRESSO COMSOL "
        "ANSYS Abaqus OpenFOAM Seurat DESeq2 edgeR limma Bioconductor BWA Bowtie2 SAMtools GATK BLAST MAFFT RAxML "
        "MrBayes IQ-TREE QIIME2 FreeSurfer FSL SPM12 EEGLAB PsychoPy ArcGIS QGIS Excel OriginPro LabVIEW AutoDock PyMOL "
        "Chimera Phenix COOT RELION cryoSPARC MaxQuant FlowJo HuggingFace OpenCV CUDA Docker Snakemake Nextflow Docling "
        "spaCy NLTK JAGS",
    ),
    "data": (
        "dataset data database corpus benchmark repository archive collection",
        r"data ?sets?|databases?|corp(?:us|ora)|benchmarks?|repositor(?:y|ies)|archives?|data ?bank|cohort|biobank",
        "ImageNet CIFAR-10 CIFAR-100 MNIST COCO Pascal\\ VOC GLUE SuperGLUE SQuAD WMT14 WikiText-103 CommonCrawl LibriSpeech Kinetics "
        "GenBank UniProt Ensembl RefSeq Protein\\ Data\\ Bank PubMed MEDLINE Scopus Web\\ of\\ Science Cochrane\\ Library TCGA GTEx ENCODE "
        "UK\\ Biobank ClinVar dbSNP gnomAD KEGG Reactome ChEMBL PubChem ZINC Materials\\ Project ICSD MIMIC-III MIMIC-IV ERA5 MODIS "
        "Landsat Sentinel-2 SDSS Gaia 2MASS GBIF Zenodo Dryad Figshare DocBank PubLayNet DocLayNet PubTabNet",
    ),
    "method": (
        "method technique assay approach procedure analysis test instrument algorithm protocol",
        "",
        "",
    ),
}
_SORT_STEMS = {sort: frozenset(stem(word) for word in words.split()) for sort, (words, _, _) in _SORTS.items()}


def _known(names_of_sort: str) -> re.Pattern[str]:
    words = [word.replace("\0", " ") for word in names_of_sort.replace("\\ ", "\0").split()]
    listed = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![\w-])(?:{listed})(?![\w-]|\s?et al)")


_KNOWN = {sort: _known(known) for sort, (_, _, known) in _SORTS.items() if known}
_BESIDE = {sort: nouns for sort, (_, nouns, _) in _SORTS.items() if nouns}
#: Abbreviations of things that are neither a data set nor software, though such a noun may follow them.
_GENERAL = frozenset(
    listed(
        """
        DNA RNA mRNA cDNA tRNA rRNA siRNA MRI fMRI EEG ECG EMG CT PET SPECT GE ML DL AI NLP GAN GANs CNN CNNs RNN LSTM DNN
        ANN SVM API GPU CPU PCR qPCR GUI SQL XML JSON HTML URL PDF HTTP IoT IT OCR 3D 2D RGB UV IR NMR MS GC HPLC LC XRD SEM
        TEM AFM DFT MD QSAR SNP SNPs MEG ECoG RNA-seq RNA-Seq RNAseq ChIP-seq scRNA-seq ATAC-seq DNA-seq COVID-19 SARS-CoV-2
        HIV WHO NIH EU USA UK PhD GWAS NGS ChIP LLM LLMs VLM ASR QA IR CAD CAM BERT GPT R&D
        """
    )
)
_CODE = re.compile(r"[a-z]\d{0,2}$|[A-Z]{0,4}\d{2,}(?:\s?[A-Z]{0,3}\d{3,})*$")
_VERSION_AFTER = re.compile(r",?\s\(?(?:version|ver\.?|v\.?\s?(?=\d))", re.I)
#: What methods are called, at the end of a phrase.
_METHOD = re.compile(
    r"(?<!\w)(?:[a-z]*(?:scopy|spectrometry|calorimetry|cytometry|tomography|crystallography|chromatography|"
    r"lithography|ellipsometry|"
    r"voltammetry|gravimetry|titration|diffraction|electrophoresis|blotting|sequencing|immunohistochemistry|"
    r"electrospinning|sputtering)|"
    r"(?:[rq]+t?-)?(?:RT-)?q?PCR|[rq]RT-PCR|ELISA|ANOVA|MANOVA|ANCOVA|X?RD|SDS[-–]PAGE|t[- ]tests?|[UF][- ]tests?|"
    r"chi-squared? tests?|log-rank tests?|"
    r"(?:Mann[-–]Whitney|Kruskal[-–]Wallis|Wilcoxon|Fisher['’]s exact|Shapiro[-–]Wilk|Kolmogorov[-–]Smirnov|"
    r"Bonferroni|Tukey|Dunnett)(?:['’]s)?(?: [\w-]+){0,2}? ?(?:tests?|correction)|"
    r"regression|clustering|principal component analysis|factor analysis|molecular dynamics(?: simulations?)?|"
    r"density functional theory|"
    r"finite[- ]element (?:method|analysis|model)|Monte Carlo(?: simulations?)?|cross[- ]validation|random forests?|"
    r"support vector machines?|"
    r"gradient descent|meta-analysis|assays?|algorithms?)(?![\w-])"
)
#: What may stand before a method's name and is no part of it.
_BEFORE_METHOD = re.compile(
    r"(?:.*\b(?:called|the|named|our|via|by|using)\s)?(?:(?:this|proposed|new|novel|same|present|above|following|"
    r"standard|existing|other|simple|first|"
    r"second|efficient|different|various|typical|several|many|modern|such|similar|conventional|traditional|common|"
    r"experimental|\w{1,3}|"
    r"\w+ed|determines|uses|employs|applies)\s)*",
    re.I,
)
#: Too general alone.
_ALONE = frozenset(
    listed(
        """
        algorithm algorithms assay assays regression clustering test spectroscopy microscopy sequencing diffraction
        chromatography tomography spectrometry lithography
        """
    )
)


def named(text: str, span: Span, asked: frozenset[str]) -> list[Span]:
    """The names in text[span[0]:span[1]] of the sort that these stems ask for, in its order."""
    sort = next((sort for sort, stems in _SORT_STEMS.items() if asked & stems), None)
    if sort == "method":
        return _methods(text, span)
    if sort is None:
        nouns = "|".join(rf"{re.escape(word)}\w{{0,4}}" for word in sorted(asked) if len(word) > 2)
        return _beside(text, span, nouns) if nouns else []
    found = [match.span() for match in _KNOWN[sort].finditer(text, *span)] + _beside(text, span, _BESIDE[sort])
    if sort == "software":
        found += [one for one in _names(text, span) if _VERSION_AFTER.match(text, one[1]) and not _is_plain(text[slice(*one)])]
        found = [_without_version(text, _without_language(text, one)) for one in found if _is_software(text, one)]
    return _apart(found)


#: Nouns beside which even three capitals are software: 'the KYM package'; 'the KYM framework' is anything.
_PACKAGE = re.compile(r"[\s-](?:software|packages?|librar(?:y|ies)|toolbox(?:es)?|toolkits?|plug-?ins?)(?!\w)", re.I)


def _is_software(text: str, span: Span) -> bool:
    name = text[slice(*span)]
    if _is_general(name):
        return False
    is_short = name.isupper() and " " not in name
    return not is_short or bool(
        _PACKAGE.match(text, span[1]) or _KNOWN["software"].fullmatch(name) or _VERSION_AFTER.match(text, span[1])
    )


_LANGUAGE = re.compile(r"^(?:MATLAB|Matlab|Python|R|Julia)\s(?=[A-Z])|\s(?:Python|R|MATLAB|Matlab|Julia|Java)$")


def _without_language(text: str, span: Span) -> Span:
    """'NumPy Python (package)' without the language it is for."""
    language = _LANGUAGE.search(text[slice(*span)])
    if language is None:
        return span
    return (span[0] + language.end(), span[1]) if language.start() == 0 else (span[0], span[0] + language.start())


def _without_version(text: str, span: Span) -> Span:
    """'Volocity 5.5.1' without its number, which is the version."""
    number = re.search(r"\sv?\d+(?:\.\d+)+$", text[slice(*span)])
    return (span[0], span[0] + number.start()) if number else span


def _names(text: str, span: Span) -> list[Span]:
    return [(span[0] + start, span[0] + end) for start, end in names(text[slice(*span)])]


def _beside(text: str, span: Span, nouns: str) -> list[Span]:
    """Names right before or right after one of these nouns: 'the ImageNet data set', 'the package GROMACS'."""
    before = re.compile(rf"[\s-](?:{nouns})(?!\w)", re.I)
    after = re.compile(rf"(?<!\w)(?:{nouns})(?:\scalled|\snamed)?[\s,]\s?[“\"'‘(]?$", re.I)
    return [
        one
        for one in _names(text, span)
        if not _is_general(text[slice(*one)])
        and (
            (before.match(text, one[1]) and (one[0] > span[0] or not _is_plain(text[slice(*one)])))
            or (not _is_plain(text[slice(*one)]) and after.search(text, max(span[0], one[0] - 30), one[0]))
        )
    ]


def _is_plain(name: str) -> bool:
    """Whether only its capital makes it a name: 'Students', 'San Diego', 'Sep 2015'."""
    return all(re.fullmatch(r"[A-Z][a-z]+|\d+", word) for word in name.split())


def _is_general(name: str) -> bool:
    return all(word in _GENERAL or word.endswith("ing") for word in name.split()) or bool(_CODE.fullmatch(name))


def _methods(text: str, span: Span) -> list[Span]:
    found = []
    for match in _METHOD.finditer(text, *span):
        phrase = phrase_before(text, match.end(), span[0]) or match.span()
        start = max(phrase[0], match.start() - 60)
        words = text[start : match.end()]
        if " of " in words or len(words.split()) > 6:
            start = match.start()
        before = _BEFORE_METHOD.match(text, start, match.start())
        start = before.end() if before else start
        if text[start : match.end()].lower() not in _ALONE:
            found.append((start, match.end()))
    return _apart(found)


def _apart(spans: list[Span]) -> list[Span]:
    """Those that do not overlap a longer one, in order."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda one: (one[0] - one[1], one[0])):
        if all(span[1] <= other[0] or other[1] <= span[0] for other in kept):
            kept.append(span)
    return sorted(kept)
