namespace AdaptThenUnlearn.Policies;

/// <summary>One file of a classifier, as a policy names and pins it.</summary>
/// <param name="Role">What records and messages call it.</param>
/// <param name="Path">As the policy has it.</param>
/// <param name="Sha256">Its pin; null where the policy gives none.</param>
/// <param name="Property">JSON path of the property that names it.</param>
/// <param name="PinProperty">JSON path of its pin.</param>
public sealed record ClassifierFile(string Role, string Path, string? Sha256, string Property, string PinProperty)
{
    /// <summary>The files of a classifier: its checkpoint, and those of a text side where it has one, in a fixed order.</summary>
    /// <param name="name">Of the classifier in the policy.</param>
    /// <param name="choice">Names the files.</param>
    public static IReadOnlyList<ClassifierFile> ListFor(string name, ClassifierChoice choice)
    {
        var at = JsonPath.Root["classifiers"][name];
        var image = new ClassifierFile(
            InputRoles.Classifier(name), choice.Checkpoint, choice.Sha256, at["checkpoint"].Text, at["sha256"].Text);
        if (choice.TextModel is not { } text)
            return [image];

        var side = at["textModel"];
        return
        [
            image,
            new(InputRoles.TextModel(name), text.Checkpoint, text.Sha256, side["checkpoint"].Text, side["sha256"].Text),
            new(InputRoles.TextVocabulary(name), text.Vocabulary, text.VocabularySha256, side["vocabulary"].Text,
                side["vocabularySha256"].Text),
            new(InputRoles.TextMerges(name), text.Merges, text.MergesSha256, side["merges"].Text, side["mergesSha256"].Text),
        ];
    }

    /// <summary>The files of a classifier, and its calibration where it has one.</summary>
    /// <param name="name">Of the classifier in the policy.</param>
    /// <param name="choice">Names the files.</param>
    public static IReadOnlyList<ClassifierFile> ListAll(string name, ClassifierChoice choice)
    {
        var at = JsonPath.Root["classifiers"][name];
        return choice.Calibration is not { } calibration
            ? ListFor(name, choice)
            :
            [
                .. ListFor(name, choice),
                new(InputRoles.Calibration(name), calibration, choice.CalibrationSha256, at["calibration"].Text,
                    at["calibrationSha256"].Text),
            ];
    }
}
