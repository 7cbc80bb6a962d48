using System.Globalization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Pretraining;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>The images that a policy gives for training: checks them, tries auditors on them, and loads them.</summary>
/// <param name="policy">Names the folders.</param>
/// <param name="inputs">Opens the folders; notes what a reader should know of them.</param>
/// <param name="shape">Of the images that the generator makes.</param>
internal sealed class GivenImageFiles(UnlearningPolicy policy, InputFiles inputs, ImageShape shape)
{
    /// <summary>Checks that the folders are there and that their images have the generator's size.</summary>
    /// <remarks>
    /// Of <c>unlearning.data</c> only the folder and the labels that the policy asks for are checked: the method that reads it
    /// says which size it needs.
    /// </remarks>
    /// <exception cref="ImageFileException">A folder is missing or empty, or an image cannot be decoded.</exception>
    /// <exception cref="PolicyMismatchException">An image has another size, or the real images lack the labels.</exception>
    public void Check()
    {
        if (policy.Unlearning.Data is { } data)
        {
            var folder = inputs.Resolve(data);
            if (!Directory.Exists(folder))
                throw new ImageFileException(folder, "the folder with the real images is missing");

            inputs.AddRemark(InputRoles.TrainingData, TrainingImages.Summary(folder));
            if (policy.Unlearning.IsCleanByLabels)
                inputs.AddRemark(
                    InputRoles.TrainingData,
                    $"its true labels, and not the annotator, say which images are clean: {FindLabels(folder).Source}");
        }

        foreach (var (role, property, folder) in inputs.EnumerateImageFolders())
        {
            var pictures = PictureFolder.List(folder);
            inputs.AddRemark(role, pictures.Summary);
            RequireSize(property, pictures);
        }
    }

    /// <summary>Tries each auditor on the images that the policy says show its feature.</summary>
    /// <param name="classifiers">Of the policy.</param>
    /// <exception cref="ImageFileException">An image cannot be read.</exception>
    /// <exception cref="PolicyMismatchException">An image has another size than the generator's.</exception>
    public void TestAuditors(PolicyClassifiers classifiers)
    {
        using var scope = NewDisposeScope();
        foreach (var (number, feature) in policy.UndesiredFeatures.Index())
        {
            if (feature.Negatives is not { } negatives)
                continue;

            var pictures = PictureFolder.List(inputs.Resolve(negatives));
            RequireSize(InputPaths.NegativesProperty(number), pictures);
            classifiers.TestAuditor(feature, ImageFolder.Read(pictures.Folder, shape.Channels, TryOpenFolder(pictures.Folder)));
        }
    }

    /// <summary>Loads the images, with as many channels as the generator's.</summary>
    /// <param name="device">Where the images go.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="ImageFileException">
    /// A folder is missing or empty, an image cannot be decoded, or their sizes differ.
    /// </exception>
    public GivenImages Load(Device device) => new(
        policy.UndesiredFeatures.Where(feature => feature.Negatives is not null)
            .ToDictionary(feature => feature.Name, feature => Read(feature.Negatives!, device)),
        policy.Unlearning.Positives is { } positives ? Read(positives, device) : null);

    private TrueLabels FindLabels(string folder)
    {
        try
        {
            return TrueLabels.Find(folder, [.. policy.UndesiredFeatures.Select(feature => feature.Class).Distinct()]);
        }
        catch (InvalidDataException unlabelled)
        {
            throw new PolicyMismatchException(
                "$.unlearning.cleanBy",
                $"is '{UnlearningOptions.ByLabels}', and the labels cannot be used: {unlabelled.Message}");
        }
    }

    private Tensor Read(string named, Device device)
    {
        using var scope = NewDisposeScope();
        var folder = inputs.Resolve(named);
        return ImageFolder.Read(folder, shape.Channels, TryOpenFolder(folder)).to(device).DetachFromDisposeScope();
    }

    // Null where the folder is missing; reading it says so.
    private HashedFolder? TryOpenFolder(string folder) => Directory.Exists(folder) ? inputs.Opened.Folder(folder) : null;

    private void RequireSize(string property, PictureFolder pictures)
    {
        if (ImageFolder.FirstUnfit(pictures.Files, shape.Resolution) is { } unfit)
            throw new PolicyMismatchException(property, string.Create(
                CultureInfo.InvariantCulture, $"{unfit.File} is {unfit.Width}×{unfit.Height} pixels, the generator makes "
                    + $"{shape.Resolution}×{shape.Resolution}; bring the folder's images to that size"));
    }
}
